/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_text.h - every text of the status page, in each of its languages */
#pragma once

enum page_language { PAGE_ENGLISH, PAGE_CHINESE, PAGE_LANGUAGES };

/* lines are broken by the columns that Chinese characters really take */
/* clang-format off */
#define PAGE_TEXTS(X) \
	X(TEXT_TAG, "en", "zh-CN") \
	X(TEXT_OVERVIEW, "Overview", "概览") \
	X(TEXT_WORKERS, "Workers", "工作线程") \
	X(TEXT_PORTS, "Ports", "端口") \
	X(TEXT_DROPS, "Drops", "丢弃") \
	X(TEXT_SESSIONS, "Sessions", "会话") \
	X(TEXT_DEVICE, "Device", "设备") \
	X(TEXT_CONFIG, "Configuration", "配置") \
	X(TEXT_SKIP, "Skip to content", "跳到内容") \
	X(TEXT_NAVIGATION, "Pages", "页面") \
	X(TEXT_FOOT, "Same figures as hearthctl status and /api/v1/status, a second old at most.", \
		"与 hearthctl status 和 /api/v1/status 数值相同，最多滞后一秒。") \
	X(TEXT_GOOD, "All is well", "一切正常") \
	X(TEXT_ATTENTION, "Needs attention", "需要注意") \
	X(TEXT_TROUBLE, "In trouble", "发生故障") \
	X(TEXT_STARTING, "Starting", "正在启动") \
	X(TEXT_DRAINING, "Draining", "正在排空") \
	X(TEXT_SILENT, "No answer", "没有应答") \
	X(TEXT_UP_FOR, "Up for", "已运行") \
	X(TEXT_DAYS, "d", "天") \
	X(TEXT_ONLINE, "Devices online", "在线设备") \
	X(TEXT_OF_PROVISIONED, "of %s provisioned", "共登记 %s 台") \
	X(TEXT_REPORTS, "Requests per second", "每秒请求") \
	X(TEXT_ANSWERS_PER_SECOND, "%s answers per second", "每秒应答 %s 个") \
	X(TEXT_LOSS, "Loss, last minute", "最近一分钟丢失") \
	X(TEXT_LOSS_TOTAL, "%s since the start", "启动以来 %s") \
	X(TEXT_RING, "Fullest event ring", "最满的事件环") \
	X(TEXT_RING_WAITS, "%s wait for the consumer", "%s 等待消费者") \
	X(TEXT_BUSY_NOW, "Busiest worker", "最忙的工作线程") \
	X(TEXT_SINCE_START, "since the start", "启动以来") \
	X(TEXT_LOGINS, "Logins per second", "每秒登录") \
	X(TEXT_CONNECTS, "%s connects per second", "每秒连接 %s 次") \
	X(TEXT_PROBLEMS, "What needs you", "需要处理") \
	X(TEXT_NO_PROBLEMS, "Nothing needs you now.", "目前没有需要处理的事项。") \
	X(TEXT_CRITICAL, "Critical", "严重") \
	X(TEXT_WARNING, "Warning", "警告") \
	X(TEXT_NOTICE, "Notice", "提示") \
	X(TEXT_STAGES, "Where a busy turn's cycles go", "繁忙轮次的周期分布") \
	X(TEXT_WORKER, "Worker", "工作线程") \
	X(TEXT_CPU, "CPU", "CPU") \
	X(TEXT_BUSY, "Busy", "繁忙率") \
	X(TEXT_TURNS, "Turns", "轮次") \
	X(TEXT_BUSY_TURNS, "Busy turns", "繁忙轮次") \
	X(TEXT_GAPS, "Gaps over 50 us", "超过 50 微秒的间隙") \
	X(TEXT_LONGEST, "Longest, us", "最长（微秒）") \
	X(TEXT_CYCLES, "Cycles per busy turn", "每繁忙轮次周期") \
	X(TEXT_STAGE, "Stage", "阶段") \
	X(TEXT_RINGS, "Event rings", "事件环") \
	X(TEXT_FILL, "Fill", "占用") \
	X(TEXT_LAG, "Not committed", "未提交") \
	X(TEXT_SIZE, "Size", "大小") \
	X(TEXT_POOLS, "Memory pools", "内存池") \
	X(TEXT_POOL, "Pool", "内存池") \
	X(TEXT_USED, "Used", "已用") \
	X(TEXT_LIMIT, "Limit", "上限") \
	X(TEXT_BYTES, "Bytes", "字节") \
	X(TEXT_PORT, "Port", "端口") \
	X(TEXT_STATE, "State", "状态") \
	X(TEXT_UP, "up", "已连接") \
	X(TEXT_DOWN, "down", "已断开") \
	X(TEXT_ADDRESSES, "Addresses", "地址") \
	X(TEXT_GATEWAYS, "Gateways", "网关") \
	X(TEXT_COUNTED, "What it counted", "计数") \
	X(TEXT_NAME, "Name", "名称") \
	X(TEXT_COUNT, "Count", "次数") \
	X(TEXT_MEANING, "Meaning", "含义") \
	X(TEXT_LAYER, "Layer", "层") \
	X(TEXT_DROPS_SEEN, "Drops by reason since the start", "启动以来按原因统计的丢弃") \
	X(TEXT_NO_DROPS, "Nothing has been dropped.", "没有任何丢弃。") \
	X(TEXT_DROPS_ZERO, "%s other reasons have not occurred.", "另有 %s 种原因未出现。") \
	X(TEXT_FIND, "Find a device", "查找设备") \
	X(TEXT_DEVICE_ID, "Device id", "设备号") \
	X(TEXT_SHOW, "Show", "显示") \
	X(TEXT_SESSION, "Session", "会话") \
	X(TEXT_LOGIN, "Login that waits for its connect", "等待连接的登录") \
	X(TEXT_HELD, "Held down: it reconnected too often", "暂时限制：重连过于频繁") \
	X(TEXT_KICK, "End the session", "结束会话") \
	X(TEXT_KICK_HELP, "The device may connect again at once. This is recorded.", \
		"设备可立即重新连接。此操作会被记录。") \
	X(TEXT_TOKEN, "Token (content of http.token_file)", "令牌（http.token_file 的内容）") \
	X(TEXT_KICKED, "The session was asked to end.", "已要求结束会话。") \
	X(TEXT_NO_ACTIONS, "To end it: hearthctl kick %s", "如需结束：hearthctl kick %s") \
	X(TEXT_FOLLOW, \
		"To watch its frames and what is decided on each: hearthctl session %s " \
		"--follow", \
		"查看其报文及每次判定：hearthctl session %s --follow") \
	X(TEXT_VIA, "Via", "传输") \
	X(TEXT_PEER, "Peer", "对端") \
	X(TEXT_HEARD, "Heard, s ago", "最近消息（秒前）") \
	X(TEXT_LIVE, "Live sessions", "在线会话") \
	X(TEXT_NO_SESSIONS, "No device is online here.", "这里没有在线设备。") \
	X(TEXT_NEXT, "Next page", "下一页") \
	X(TEXT_FIRST, "First page", "第一页") \
	X(TEXT_CONFIG_RUNNING, "The configuration that runs", "正在运行的配置") \
	X(TEXT_REDACTED, "Secrets are not shown.", "不显示机密内容。") \
	X(TEXT_MEMORY, "Memory", "内存") \
	X(TEXT_LAST_MINUTES, "last 15 minutes", "最近 15 分钟") \
	X(TEXT_OTHER_LANGUAGE, "中文", "English") \
	X(TEXT_NOT_FOUND, "There is nothing here", "此处没有内容") \
	X(TEXT_DO, "What to do:", "处理方法：") \
	X(TEXT_FIELD_device, "Device", "设备号") \
	X(TEXT_FIELD_state, "State", "状态") \
	X(TEXT_FIELD_worker, "Worker", "工作线程") \
	X(TEXT_FIELD_login_time, "Logged in", "登录时间") \
	X(TEXT_FIELD_seconds_since_heard, "Last heard, seconds ago", "最近消息（秒前）") \
	X(TEXT_FIELD_via, "Via", "传输") \
	X(TEXT_FIELD_peer, "Peer", "对端") \
	X(TEXT_FIELD_session, "Session number", "会话编号") \
	X(TEXT_FIELD_sequence, "Newest sequence", "最新序号") \
	X(TEXT_FIELD_count, "Requests since the connect", "连接以来的请求数") \
	X(TEXT_FIELD_connect_time, "Connected", "连接时间") \
	X(TEXT_FIELD_synchronised, "Full report received", "已收到完整上报") \
	X(TEXT_FIELD_seconds, "For so many seconds more", "剩余秒数") \
	X(TEXT_FIELD_until_time, "Until", "直到") \
	X(TEXT_FIELD_model, "Model", "型号") \
	X(TEXT_FIELD_gateway, "Gateway", "网关") \
	X(TEXT_YES, "yes", "是") \
	X(TEXT_NO, "no", "否")
/* clang-format on */

#define PAGE_TEXT_ID(id, ...) id,
enum page_text { PAGE_TEXTS(PAGE_TEXT_ID) PAGE_TEXT_COUNT };

/** page_text() - a text in a language */
const char *page_text(enum page_language language, enum page_text text);

/** page_language() - what a browser asks for (Accept-Language, NULL: nothing): Chinese if that
 * stands before English. @chosen: "en", "zh" by the page's own link, or NULL */
enum page_language page_language(const char *chosen, const char *accepted);
