/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_mail.c - what the control thread and other workers ask of a worker, and it of them */
#include "worker_state.h"

bool worker_tell(struct worker *worker, unsigned to, struct mail mail)
{
	mail.from = (uint8_t)worker->number;
	if (mailbox_post(worker_mesh_box(worker->mesh, worker->number, to), mail) == 0)
		return true;
	counter_add(&worker->counters[WORKER_NOTES_FULL], 1);
	return false;
}

bool host_committed(struct host *host, session_handle handle, uint32_t count)
{
	struct worker *worker = host->context;
	unsigned to = session_owner(host->table, session_handle_index(handle));
	struct mail mail = {.kind = MAIL_COMMITTED,
		.handle = handle,
		.index = count,
		.from = (uint8_t)worker->number};

	if (!worker->mesh || to == worker->number)
		return true; /* on its way here: it is of another generation by then */
	return mailbox_post(worker_mesh_box(worker->mesh, worker->number, to), mail) == 0;
}

int worker_post(struct worker *worker, enum control_op op, session_handle handle)
{
	return mailbox_post(
		&worker->mailbox, (struct mail){.kind = MAIL_CONTROL, .op = op, .handle = handle});
}

/* An operator's request goes where the session is; while that moves it may take some steps. */
static void control(struct worker *worker, struct mail mail)
{
	struct host *host = &worker->host;
	uint32_t index = session_handle_index(mail.handle);

	if (session_take(host->sessions, index)) {
		for (unsigned i = 0; i < protocol_count; i++)
			protocols[i]->control(worker->states[i], mail.op, mail.handle);
	} else if (worker->mesh && mail.hops++ < WORKER_HOPS_MAX) {
		worker_tell(worker, session_owner(host->table, index), mail);
	}
}

/* It goes at the end of this turn, when what was decided about it is published. */
static void wanted(struct worker *worker, const struct mail *mail)
{
	bool goes = true;

	if (!session_take(worker->host.sessions, mail->index))
		return; /* its new owner will be asked */
	for (unsigned i = 0; i < protocol_count; i++)
		goes &= protocols[i]->release(worker->states[i], mail->index);
	if (goes)
		session_give(worker->host.sessions, mail->index, mail->from);
}

static void look(struct worker *worker, uint32_t index)
{
	if (!session_take(worker->host.sessions, index))
		return;
	for (unsigned i = 0; i < protocol_count; i++)
		protocols[i]->look(worker->states[i], index);
}

static void committed(struct worker *worker, const struct mail *mail)
{
	for (unsigned i = 0; i < protocol_count; i++)
		protocols[i]->acknowledged(worker->states[i], mail->handle, mail->index);
}

static void serve(struct worker *worker, const struct mail *mail)
{
	switch (mail->kind) {
	case MAIL_CONTROL:
		control(worker, *mail);
		break;
	case MAIL_WANTED:
		wanted(worker, mail);
		break;
	case MAIL_HANDED:
		session_take(worker->host.sessions, mail->index);
		break;
	case MAIL_LOOK:
		look(worker, mail->index);
		break;
	case MAIL_COMMITTED:
		committed(worker, mail);
		break;
	case MAIL_COMMAND:
		command_arrive(worker->host.pool, mail->index);
		break;
	}
}

/* The others' notes, another one first each turn. */
static unsigned serve_notes(struct worker *worker)
{
	unsigned from = worker->first_box, served = 0;
	struct mail mail;

	worker->first_box = (from + 1) % worker->count;
	for (unsigned i = 0; i < worker->count; i++) {
		struct mailbox *box = worker_mesh_box(worker->mesh, from, worker->number);

		while (served < WORKER_NOTES_MAX && mailbox_take(box, &mail)) {
			serve(worker, &mail);
			served++;
		}
		from = (from + 1) % worker->count;
	}
	counter_add(&worker->counters[WORKER_NOTES], served);
	return served;
}

bool worker_mail(struct worker *worker)
{
	unsigned served = 0;
	struct mail mail;

	while (served < WORKER_MAIL_MAX && mailbox_take(&worker->mailbox, &mail)) {
		counter_add(&worker->counters[WORKER_MAIL], 1);
		serve(worker, &mail);
		served++;
	}
	if (worker->mesh)
		served += serve_notes(worker);
	return served;
}

bool worker_jobs(struct worker *worker)
{
	unsigned served = 0;
	struct job job;

	for (; served < WORKER_JOBS_MAX && binding_told(worker->host.bindings, &job); served++) {
		for (unsigned i = 0; i < protocol_count; i++)
			protocols[i]->resumed(worker->states[i], &job);
	}
	return served;
}

static void handed(void *context, unsigned to, uint32_t index)
{
	worker_tell(context, to, (struct mail){.kind = MAIL_HANDED, .index = index});
}

void worker_hand_over(struct worker *worker)
{
	session_hand_over(worker->host.sessions, handed, worker);
}
