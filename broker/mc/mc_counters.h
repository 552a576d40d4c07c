/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_counters.h - what happens to Mc frames and sessions, by name */
#pragma once

#include "counter.h"

/* The reasons of an end, and those of undelivered, stand in the order of enum hearth_reason. */
#define MC_COUNTERS(X)                                                                             \
	X(MC_FRAMES, "frames", "frames handed over by the transports")                             \
	X(MC_LOGINS, "logins", "logins answered")                                                  \
	X(MC_CONNECTS, "connects", "connects accepted")                                            \
	X(MC_HEARTBEATS, "heartbeats", "heartbeats that took the next number")                     \
	X(MC_REQUESTS, "requests", "device requests accepted, their event written")                \
	X(MC_REPEATS, "repeats", "requests and connects that came again and were answered again")  \
	X(MC_ANSWERS, "answers", "frames sent to devices")                                         \
	X(MC_COMMIT_ANSWERS, "commit_answers", "requests answered once their event was committed") \
	X(MC_COMMIT_WAITS, "commit_waits",                                                         \
		"repeats left to the answer that comes once their event is committed")             \
	X(MC_COMMIT_GONE, "commit_gone",                                                           \
		"committed requests not answered: their session has ended")                        \
	X(MC_COMMIT_ELSEWHERE, "commit_elsewhere",                                                 \
		"committed requests not answered but to a repeat: another worker has the session") \
	X(MC_SYNCHRONISED, "synchronised", "sessions whose full report is complete")               \
	X(MC_RESULT_ILLEGAL, "result_100001", "requests answered 100001")                          \
	X(MC_RESULT_NO_DEVICE, "result_200001", "requests answered 200001")                        \
	X(MC_RESULT_SEQUENCE, "result_200003", "requests answered 200003")                         \
	X(MC_RESULT_UNSUPPORTED, "result_300002", "requests answered 300002")                      \
	X(MC_RESULT_MORE, "result_400002", "segments of recordings answered 400002")               \
	X(MC_RESULT_NO_ANSWER, "result_400005",                                                    \
		"voice repeats answered 400005: no answer in time")                                \
	X(MC_VOICE_ASKED, "voice_asked", "voice requests that wait for a backend's answer")        \
	X(MC_VOICE_ANSWERS, "voice_answers", "backends' answers sent to their devices")            \
	X(MC_VOICE_UNANSWERED, "voice_unanswered", "voice requests not answered in time")          \
	X(MC_VOICE_LARGE, "voice_large", "backends' answers too large for the transport: 999999")  \
	X(MC_VOICE_LONG, "voice_long", "recordings given up: too long")                            \
	X(MC_VOICE_UNMATCHED, "voice_unmatched", "backends' answers that nothing waited for")      \
	X(MC_VOICE_BAD, "voice_bad", "backends' answers without result and object")                \
	X(MC_RESULT_NO_VOICE, "result_400004", "voice requests answered 400004: no backend")       \
	X(MC_RESULT_NO_ROOM, "result_999999", "requests answered 999999: no room for the event")   \
	X(MC_CONNECT_TIME, "connect_out_of_time", "connects answered 100001: out of time")         \
	X(MC_END_TIMEOUT, "offline_timeout", "sessions ended: nothing fresh was heard")            \
	X(MC_END_CLOSED, "offline_closed", "sessions ended: the connection ended")                 \
	X(MC_END_REPLACED, "offline_replaced", "sessions ended: the device connected anew")        \
	X(MC_END_SEQUENCE, "offline_sequence", "sessions ended: out of sequence")                  \
	X(MC_END_UNANSWERED, "offline_unanswered", "sessions ended: a request was not answered")   \
	X(MC_END_KICKED, "offline_kicked", "sessions ended by an operator")                        \
	X(MC_END_REMOVED, "offline_removed", "sessions ended: the device was removed")             \
	X(MC_END_SHUTDOWN, "offline_shutdown", "sessions ended: the node leaves for good")         \
	X(MC_COMMANDS, "commands", "platform requests decided on")                                 \
	X(MC_COMMAND_SENDS, "command_sends", "platform requests sent to devices, repeats too")     \
	X(MC_RESPONSES, "responses", "platform requests answered by their device")                 \
	X(MC_UNDELIVERED_NO_ANSWER, "undelivered_no_answer",                                       \
		"platform requests given up: no answer to any send")                               \
	X(MC_UNDELIVERED_OFFLINE, "undelivered_offline",                                           \
		"platform requests not sent: the device is not connected")                         \
	X(MC_UNDELIVERED_UNKNOWN, "undelivered_unknown",                                           \
		"platform requests sent whose session ended before the answer")                    \
	X(MC_UNDELIVERED_EXPIRED, "undelivered_expired", "platform requests not sent in time")     \
	X(MC_UNDELIVERED_QUEUE_FULL, "undelivered_queue_full",                                     \
		"platform requests refused: too many wait for the device")                         \
	X(MC_UNDELIVERED_TOO_LARGE, "undelivered_too_large",                                       \
		"platform requests longer than a frame to the device may be")                      \
	X(MC_UNDELIVERED_REFUSED, "undelivered_refused",                                           \
		"platform requests refused: malformed, or for no such device")                     \
	X(MC_COMMANDS_OWED, "commands_owed",                                                       \
		"outcomes of platform requests put off because the ring was full")                 \
	X(MC_SUBDEVICE_AUTHENTIC, "subdevice_authentic", "sub-devices authenticated")              \
	X(MC_SUBDEVICE_REFUSED, "subdevice_refused", "sub-devices refused: authResult 1")          \
	X(MC_SUBDEVICE_ONLINE, "subdevice_online", "sub-devices that came on-line")                \
	X(MC_SUBDEVICE_OFFLINE, "subdevice_offline", "sub-devices that went off-line")             \
	X(MC_SUBDEVICE_EARLY, "subdevice_early",                                                   \
		"reports of sub-devices whose PIN was not shown since their gateway's login")      \
	X(MC_WAIT_GONE, "wait_gone", "answers of the registry whose session had ended")            \
	X(MC_DROP_WAITING, "drop_waiting", "repeats of requests that wait for the registry")       \
	X(MC_OWED, "owed", "life-cycle events put off because the ring was full")                  \
	X(MC_HELD, "held_down", "devices held down: they reconnected too often")                   \
	X(MC_CLONES, "clones", "devices of which there are two under one id")                      \
	X(MC_WORK_BLOCKS, "work_blocks", "AES blocks decrypted")                                   \
	X(MC_WORK_SCANS, "work_scans", "decrypted contents scanned as JSON")                       \
	X(MC_DROP_LONG, "drop_long", "frames longer than the limit")                               \
	X(MC_DROP_FRAME, "drop_frame", "frames that are not CTS, one object, CR LF")               \
	X(MC_DROP_ENVELOPE, "drop_envelope", "frames whose envelope is not well-formed")           \
	X(MC_DROP_CODE, "drop_code", "frames with a code that a device does not send")             \
	X(MC_DROP_CLOSING, "drop_closing", "frames behind one that closed their connection")       \
	X(MC_DROP_LOGIN_PORT, "drop_login_port", "frames on the login port that are no login")     \
	X(MC_DROP_LOGIN_ELSEWHERE, "drop_login_elsewhere", "logins off the login port")            \
	X(MC_DROP_DEVICE, "drop_unknown_device", "logins of devices that are not provisioned")     \
	X(MC_DROP_BUDGET, "drop_login_budget",                                                     \
		"right PINs refused: many were wrong, and the device is alive elsewhere")          \
	X(MC_DROP_HELD, "drop_held", "logins and connects of devices that are held down")          \
	X(MC_DROP_DRAINING, "drop_draining", "logins and connects refused: the node is drained")   \
	X(MC_DROP_FULL, "drop_login_full", "logins that found no session entry")                   \
	X(MC_DROP_TOKEN, "drop_unknown_token", "frames whose token names no session")              \
	X(MC_DROP_MOVING, "drop_moving", "connects closed: no room to wait for their session")     \
	X(MC_DROP_BASE64, "drop_base64", "frames whose data is not canonical Base64")              \
	X(MC_DROP_BLOCKS, "drop_blocks", "frames whose data is not whole AES blocks")              \
	X(MC_DROP_PADDING, "drop_padding", "frames whose padding is wrong")                        \
	X(MC_DROP_JSON, "drop_json", "frames whose content is not one UTF-8 JSON object")          \
	X(MC_DROP_NO_SEQUENCE, "drop_no_sequence", "frames without a sequence 0..65535")           \
	X(MC_DROP_MISMATCH, "drop_mismatch", "frames whose inner id or token is not the outer")    \
	X(MC_DROP_NOT_LIVE, "drop_not_live", "requests for a session that is not connected")       \
	X(MC_DROP_NOT_BOUND, "drop_not_bound", "requests off the transport of their connect")      \
	X(MC_DROP_GONE, "drop_gone", "frames of devices that were removed")                        \
	X(MC_DROP_TIME, "drop_time", "datagrams and connects without a time, or out of time")      \
	X(MC_DROP_STALE, "drop_stale",                                                             \
		"requests too far behind the newest, or before the connect")                       \
	X(MC_DROP_HEARTBEAT, "drop_heartbeat", "heartbeats behind the newest number")              \
	X(MC_DROP_ANSWER, "drop_bad_answer", "answers of devices without a result")                \
	X(MC_DROP_RESPONSE, "drop_response",                                                       \
		"answers of devices that neither ring nor pool had room for")                      \
	X(MC_DROP_UNMATCHED, "drop_unmatched", "answers of devices that match no request")         \
	X(MC_DROP_REPLAY, "drop_replay", "connects that are not newer than the last")              \
	X(MC_DROP_VOID, "drop_void", "connects whose token is void, lapsed or expired")            \
	X(MC_DROP_OWED, "drop_owed", "connects put off: an event of the last one is not written")  \
	X(MC_DROP_TURN, "drop_turn", "frames of more sessions than a turn can decide on")
COUNTER_ENUM(mc_counter, MC_COUNTERS, MC_COUNTER_COUNT);
extern const struct counter_info mc_counter_info[MC_COUNTER_COUNT];
