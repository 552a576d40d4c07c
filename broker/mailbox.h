/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mailbox.h - requests to one worker, of the control thread or of another worker: a bounded queue,
 * one end each */
#pragma once

#include "protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#define MAILBOX_SLOTS 256

/* What is lost of these costs time only: who wants a session asks again, a sweep finds what was
 * handed over and what is to be looked at. Operators' requests are repeated by whoever asked. A
 * command stays with its sender when there is no room for its note. */
enum mail_kind {
	MAIL_CONTROL,   /* an operator's request: @op, @handle */
	MAIL_WANTED,    /* worker @from has a connect for session entry @index */
	MAIL_HANDED,    /* session entry @index is yours now */
	MAIL_LOOK,      /* session entry @index may have to end: its device's record has changed */
	MAIL_COMMITTED, /* request @index of session @handle is committed; never lost: sent again */
	MAIL_COMMAND    /* command @index of the pool is yours now */
};

/** struct mail - @hops: how often it was handed on */
struct mail {
	enum mail_kind kind;
	enum control_op op;
	session_handle handle;
	uint32_t index;
	uint8_t from, hops;
};
_Static_assert(sizeof(struct mail) == 24, "a box takes little more than 6 KiB");

/** struct mailbox - zeroed is empty; head is the sender's, tail the worker's */
struct mailbox {
	_Alignas(64) uint32_t head;
	_Alignas(64) uint32_t tail;
	_Alignas(64) struct mail slots[MAILBOX_SLOTS];
};

/** mailbox_post() - the sending end. Return: 0, or -EAGAIN when it is full. */
static inline int mailbox_post(struct mailbox *box, struct mail mail)
{
	uint32_t tail = __atomic_load_n(&box->tail, __ATOMIC_ACQUIRE);

	if (box->head - tail == MAILBOX_SLOTS)
		return -EAGAIN;
	box->slots[box->head % MAILBOX_SLOTS] = mail;
	__atomic_store_n(&box->head, box->head + 1, __ATOMIC_RELEASE);
	return 0;
}

/** mailbox_empty() - is there nothing? Asked by the worker's end. */
static inline bool mailbox_empty(const struct mailbox *box)
{
	return box->tail == __atomic_load_n(&box->head, __ATOMIC_ACQUIRE);
}

/** mailbox_take() - the worker's end. Return: false when it is empty. */
static inline bool mailbox_take(struct mailbox *box, struct mail *mail)
{
	if (box->tail == __atomic_load_n(&box->head, __ATOMIC_ACQUIRE))
		return false;
	*mail = box->slots[box->tail % MAILBOX_SLOTS];
	__atomic_store_n(&box->tail, box->tail + 1, __ATOMIC_RELEASE);
	return true;
}
