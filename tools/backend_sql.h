/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* backend_sql.h - the reference backend's tables, and what each event does to them */
#pragma once

/*
 * Payloads are the devices' own JSON: well-formed, of any shape. Paths into them are therefore
 * taken from the document as a whole, where a value of another kind yields nothing.
 */

#define SQL_SCHEMA                                                                                 \
	"CREATE TABLE IF NOT EXISTS cursors (worker INTEGER PRIMARY KEY, id INTEGER NOT NULL);"    \
	"CREATE TABLE IF NOT EXISTS events (worker INTEGER, id INTEGER, time INTEGER,"             \
	" device TEXT, json TEXT, PRIMARY KEY (worker, id)) WITHOUT ROWID;"                        \
	"CREATE TABLE IF NOT EXISTS devices (device TEXT PRIMARY KEY, online INTEGER DEFAULT 0,"   \
	" via TEXT, session INTEGER DEFAULT 0, model TEXT, version TEXT, reports INTEGER"          \
	" DEFAULT 0, seen INTEGER) WITHOUT ROWID;"                                                 \
	"CREATE TABLE IF NOT EXISTS states (device TEXT, serial TEXT, name TEXT, value,"           \
	" PRIMARY KEY (device, serial, name)) WITHOUT ROWID;"                                      \
	"CREATE TABLE IF NOT EXISTS resources (device TEXT, serial TEXT, name TEXT, info TEXT,"    \
	" PRIMARY KEY (device, serial, name)) WITHOUT ROWID;"                                      \
	"CREATE TABLE IF NOT EXISTS bindings (subdevice TEXT PRIMARY KEY, gateway TEXT,"           \
	" online INTEGER DEFAULT 0) WITHOUT ROWID;"                                                \
	"CREATE TABLE IF NOT EXISTS firmware (model TEXT PRIMARY KEY, version TEXT NOT NULL,"      \
	" url TEXT NOT NULL, md5 TEXT NOT NULL) WITHOUT ROWID;"                                    \
	"CREATE TABLE IF NOT EXISTS commands (number INTEGER PRIMARY KEY AUTOINCREMENT,"           \
	" device TEXT NOT NULL, code INTEGER NOT NULL, payload TEXT NOT NULL DEFAULT '{}',"        \
	" expires_ms INTEGER DEFAULT 0, state TEXT DEFAULT 'new', request INTEGER UNIQUE,"         \
	" reason TEXT, answer TEXT, made INTEGER DEFAULT (unixepoch()));"                          \
	"CREATE INDEX IF NOT EXISTS commands_open ON commands (state)"                             \
	" WHERE state IN ('new', 'sending');"

/* ?1 worker, ?2 id, ?3 time, ?4 device, ?5 line */
#define SQL_EVENT "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)"
#define SQL_CURSOR "INSERT INTO cursors VALUES (?1, ?2) ON CONFLICT DO UPDATE SET id = excluded.id"
#define SQL_PRUNE                                                                                  \
	"DELETE FROM events WHERE (worker, id) IN"                                                 \
	" (SELECT worker, id FROM events ORDER BY time DESC LIMIT -1 OFFSET ?1)"

/* From here on: ?1 device, ?2 session, ?3 via, ?4 time, ?5 payload, ?6 gateway, ?7 request, ?8
 * reason. Events of one device may come by several rings: sessions put them in order. */
#define SQL_ONLINE                                                                                 \
	"INSERT INTO devices (device, online, via, session, model, version, seen) VALUES (?1, 1,"  \
	" ?3, ?2, json_extract(?5, '$.model'), json_extract(?5, '$.devVersion'), ?4)"              \
	" ON CONFLICT DO UPDATE SET online = 1, via = excluded.via, session = excluded.session,"   \
	" model = coalesce(excluded.model, model), version = coalesce(excluded.version, version)," \
	" seen = excluded.seen WHERE excluded.session >= session"
#define SQL_OFFLINE "UPDATE devices SET online = 0 WHERE device = ?1 AND session <= ?2"
#define SQL_SUBDEVICE_ONLINE                                                                       \
	"INSERT INTO bindings VALUES (?1, ?6, 1)"                                                  \
	" ON CONFLICT DO UPDATE SET gateway = excluded.gateway, online = 1"
#define SQL_SUBDEVICE_OFFLINE "UPDATE bindings SET online = 0 WHERE subdevice = ?1 AND gateway = ?6"
#define SQL_SEEN "UPDATE devices SET seen = ?4, reports = reports + 1 WHERE device = ?1"

/* A report is about the device that its deviceId names: this one, or one of its sub-devices. */
#define SQL_SUBJECT "coalesce(json_extract(?5, '$.deviceId'), ?1)"
#define SQL_STATES                                                                                 \
	"INSERT OR REPLACE INTO states SELECT " SQL_SUBJECT ","                                    \
	" coalesce(json_extract(?5, a.fullkey || '.serialId'), '0'),"                              \
	" json_extract(?5, b.fullkey || '.statusName'),"                                           \
	" json_extract(?5, b.fullkey || '.curStatusValue')"                                        \
	" FROM json_each(?5, '$.statusSerials') AS a,"                                             \
	" json_each(?5, a.fullkey || '.statusSerial') AS b"                                        \
	" WHERE json_extract(?5, b.fullkey || '.statusName') IS NOT NULL"
#define SQL_RESOURCES                                                                              \
	"INSERT OR REPLACE INTO resources SELECT " SQL_SUBJECT ","                                 \
	" coalesce(json_extract(?5, a.fullkey || '.serialId'), '0'),"                              \
	" json_extract(?5, b.fullkey || '.resourceName'),"                                         \
	" json_extract(?5, b.fullkey || '.resourceInfo')"                                          \
	" FROM json_each(?5, '$.resourceSerials') AS a,"                                           \
	" json_each(?5, a.fullkey || '.resourceSerial') AS b"                                      \
	" WHERE json_extract(?5, b.fullkey || '.resourceName') IS NOT NULL"
/* 2012: bound if its PIN was right */
#define SQL_BIND                                                                                   \
	"INSERT INTO bindings SELECT json_extract(?5, '$.subDeviceId'), ?1, 0"                     \
	" WHERE json_extract(?5, '$.authResult') = '0'"                                            \
	" ON CONFLICT DO UPDATE SET gateway = excluded.gateway"
/* 2018, and 2015 once it was answered */
#define SQL_UNBIND                                                                                 \
	"DELETE FROM bindings WHERE subdevice = json_extract(?5, '$.subDeviceId')"                 \
	" AND gateway = ?1"
#define SQL_UNBOUND                                                                                \
	"DELETE FROM bindings WHERE subdevice IN (SELECT json_extract(payload, '$.subDeviceId')"   \
	" FROM commands WHERE request = ?7 AND code = 2015)"
/* 2022: what is there, and an upgrade if the table of firmware knows a newer one; versions are of
 * four three-digit numbers. What was tried within the hour is not tried again. */
#define SQL_VERSION                                                                                \
	"INSERT INTO devices (device, model, version, seen) VALUES (" SQL_SUBJECT ","              \
	" json_extract(?5, '$.model'), json_extract(?5, '$.device.version'), ?4)"                  \
	" ON CONFLICT DO UPDATE SET model = coalesce(excluded.model, model),"                      \
	" version = coalesce(excluded.version, version)"
#define SQL_UPGRADE                                                                                \
	"INSERT INTO commands (device, code, payload) SELECT " SQL_SUBJECT ", 2025,"               \
	" json_object('device', json_object('version', f.version, 'url', f.url, 'md5', f.md5))"    \
	" FROM firmware AS f WHERE f.model = json_extract(?5, '$.model')"                          \
	" AND f.version > json_extract(?5, '$.device.version') AND NOT EXISTS (SELECT 1"           \
	" FROM commands AS c WHERE c.device = " SQL_SUBJECT " AND c.code = 2025"                   \
	" AND json_extract(c.payload, '$.device.version') = f.version"                             \
	" AND c.made > unixepoch() - 3600)"
/* 2026 with status 0, of the device itself and not of a module */
#define SQL_UPGRADED                                                                               \
	"UPDATE devices SET version = json_extract(?5, '$.version') WHERE device = " SQL_SUBJECT   \
	" AND json_extract(?5, '$.status') IN ('0', 0)"                                            \
	" AND coalesce(json_extract(?5, '$.type'), '0') IN ('0', 0)"
#define SQL_RESPONSE "UPDATE commands SET state = 'answered', answer = ?5 WHERE request = ?7"
#define SQL_UNDELIVERED "UPDATE commands SET state = 'undelivered', reason = ?8 WHERE request = ?7"
#define SQL_LAST_SEGMENT "SELECT coalesce(json_extract(?5, '$.ctrlParam.isLast'), '1') <> '0'"

#define SQL_CLAIM "UPDATE commands SET state = 'sending' WHERE state = 'new'"
#define SQL_RECOVER "UPDATE commands SET state = 'uncertain' WHERE state = 'sending'"
#define SQL_NEXT                                                                                   \
	"SELECT number, device, code, payload, expires_ms FROM commands"                           \
	" WHERE state = 'sending' AND number > ?1 ORDER BY number LIMIT 1"
#define SQL_SENT                                                                                   \
	"UPDATE commands SET state = iif(?3 IS NULL, 'sent', 'failed'), request = ?2, reason = ?3" \
	" WHERE number = ?1"
#define SQL_ORDER "INSERT INTO commands (device, code, payload) VALUES (?1, ?2, json(?3))"
#define SQL_FIRMWARE "INSERT OR REPLACE INTO firmware VALUES (?1, ?2, ?3, ?4)"
#define SQL_COUNTS                                                                                 \
	"SELECT count(*), sum(online), sum(reports),"                                              \
	" (SELECT count(*) FROM commands WHERE state = 'answered'),"                               \
	" (SELECT count(*) FROM commands WHERE state = 'undelivered') FROM devices"
