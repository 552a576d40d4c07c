/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_mesh.h - what several workers share: rings of frames and boxes of notes, a pair each */
#pragma once

#include "forward.h"
#include "mailbox.h"

struct worker_mesh;

/** worker_mesh_bytes() - memory of the mesh of @workers, for the start-up line; 0 for one. */
size_t worker_mesh_bytes(unsigned workers);

/** worker_mesh_new() - the mesh of @workers (2..64); NULL with errno set. */
struct worker_mesh *worker_mesh_new(unsigned workers, bool huge);

/** worker_mesh_free() - NULL is allowed. */
void worker_mesh_free(struct worker_mesh *mesh);

/** worker_mesh_forward() - its rings of frames. */
struct forward *worker_mesh_forward(struct worker_mesh *mesh);

/** worker_mesh_box() - the notes from worker @from to worker @to. */
struct mailbox *worker_mesh_box(struct worker_mesh *mesh, unsigned from, unsigned to);
