/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_mesh.c - rings and boxes between workers */
#include "worker_mesh.h"

#include "memory.h"

#include <errno.h>

struct worker_mesh {
	_Alignas(64) struct forward *forward;
	unsigned workers;
	size_t bytes;
	struct mailbox boxes[]; /* from * workers + to */
};

static size_t own_bytes(unsigned workers)
{
	return sizeof(struct worker_mesh) + (size_t)workers * workers * sizeof(struct mailbox);
}

size_t worker_mesh_bytes(unsigned workers)
{
	return workers < 2 ? 0 : own_bytes(workers) + forward_bytes(workers);
}

struct worker_mesh *worker_mesh_new(unsigned workers, bool huge)
{
	struct worker_mesh *mesh = memory_map(own_bytes(workers), huge);
	int rc;

	if (!mesh)
		return NULL;
	mesh->workers = workers;
	mesh->bytes = own_bytes(workers);
	mesh->forward = forward_new(workers, huge);
	if (mesh->forward)
		return mesh;
	rc = errno;
	worker_mesh_free(mesh);
	errno = rc;
	return NULL;
}

void worker_mesh_free(struct worker_mesh *mesh)
{
	if (!mesh)
		return;
	forward_free(mesh->forward);
	memory_unmap(mesh, mesh->bytes);
}

struct forward *worker_mesh_forward(struct worker_mesh *mesh)
{
	return mesh->forward;
}

struct mailbox *worker_mesh_box(struct worker_mesh *mesh, unsigned from, unsigned to)
{
	return &mesh->boxes[from * mesh->workers + to];
}
