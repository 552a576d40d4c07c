/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* problems_words.h - every problem: severity, words, remedy; %1 to %3 stand for what it is about */
#pragma once

/* lines are broken by the columns that Chinese characters really take */
/* clang-format off */
#define PROBLEMS(X) \
	X(PROBLEM_WORKER_STALLED, "worker-stalled", CRITICAL, \
		"Worker %1 on CPU %2 stands still: its devices get no answers.", \
		"See what else runs on CPU %2 (top -H) and whether the process is stopped; " \
		"restart hearthd if it does not go on. Sessions and events stay.", \
		"CPU %2 上的工作线程 %1 已停止运行：其设备得不到应答。", \
		"检查 CPU %2 上还有什么在运行（top -H），进程是否被暂停；若不恢复，请重启 " \
		"hearthd。会话和事件都会保留。") \
	X(PROBLEM_PORT_DOWN, "port-down", CRITICAL, "Port %1 has no link.", \
		"Check the cable, the switch, or the process at the other end.", \
		"端口 %1 没有链路。", "检查网线、交换机或对端进程。") \
	X(PROBLEM_NO_ROOM, "no-room", CRITICAL, \
		"%1 requests in the last minute were refused: the event ring was full.", \
		"Start the consumer (hearth-feed or your backend) or make it faster; raise " \
		"feed.bytes for longer pauses. Devices repeat what was refused.", \
		"最近一分钟有 %1 个请求被拒绝：事件环已满。", \
		"启动消费者（hearth-feed 或您的后端）或提高其速度；若停顿较长，请增大 " \
		"feed.bytes。设备会重发被拒绝的请求。") \
	X(PROBLEM_RING_FULL, "ring-full", CRITICAL, "The event ring of worker %1 is %2 % full.", \
		"Start the consumer or make it faster, now: a full ring refuses requests.", \
		"工作线程 %1 的事件环已用 %2 %。", \
		"请立即启动消费者或提高其速度：环满后请求会被拒绝。") \
	X(PROBLEM_PORT_MISSED, "port-missed", CRITICAL, \
		"Port %1 dropped %2 frames in the last minute: nobody took them in time.", \
		"Give the workers their CPUs alone (isolcpus), add workers, or send less.", \
		"端口 %1 最近一分钟丢弃了 %2 帧：未能及时取走。", \
		"让工作线程独占 CPU（isolcpus），增加工作线程，或减少流量。") \
	X(PROBLEM_CONSUMER, "consumer-stopped", WARNING, \
		"Nobody reads the events of worker %1: %2 bytes wait.", \
		"Start the consumer (hearth-feed or your backend) and look at its log.", \
		"没有程序读取工作线程 %1 的事件：%2 字节在等待。", \
		"启动消费者（hearth-feed 或您的后端）并查看其日志。") \
	X(PROBLEM_RING_FILLING, "ring-filling", WARNING, \
		"The event ring of worker %1 is %2 % full: its consumer is slower than devices " \
		"report.", \
		"See what the consumer waits for; raise feed.bytes for longer pauses.", \
		"工作线程 %1 的事件环已用 %2 %：消费者比设备上报慢。", \
		"查看消费者在等待什么；若停顿较长，请增大 feed.bytes。") \
	X(PROBLEM_FLOOD, "flood", WARNING, \
		"%1 frames a second are turned away, most of them by %2: %3.", \
		"Sessions go on. Capture a few to see where they come from, and filter that " \
		"before the port.", \
		"每秒有 %1 帧被拒，主要原因是 %2：%3。", \
		"会话不受影响。抓取少量数据包查明来源，并在端口之前过滤。") \
	X(PROBLEM_PORT_SEND, "port-send", WARNING, \
		"Port %1 did not take %2 frames to send in the last minute.", \
		"The link is slower than what is sent: check its speed and the other end.", \
		"端口 %1 最近一分钟有 %2 帧未能发送。", "链路慢于发送速度：检查其速率和对端。") \
	X(PROBLEM_SESSIONS_FULL, "sessions-full", WARNING, \
		"%1 of %2 sessions are taken; then logins are refused.", \
		"Raise limits.sessions and restart, or bring devices to another node.", \
		"%2 个会话已用 %1 个；用完后登录会被拒绝。", \
		"增大 limits.sessions 并重启，或将设备迁到其他节点。") \
	X(PROBLEM_POOL_FULL, "pool-full", WARNING, "Worker %1 has used %2 of its %3.", \
		"What finds none is refused and counted. Raise the limit that it comes from and " \
		"restart.", \
		"工作线程 %1 的 %3 已用 %2。", \
		"用尽后请求会被拒绝并计数。增大对应的 limits 并重启。") \
	X(PROBLEM_BUSY, "worker-busy", WARNING, "Worker %1 was busy for %2 % of the last minute.", \
		"Add a worker on a free CPU (workers:), before bursts have to wait.", \
		"工作线程 %1 最近一分钟的繁忙率为 %2 %。", \
		"在突发流量开始等待之前，在空闲 CPU 上增加工作线程（workers:）。") \
	X(PROBLEM_GAPS, "gaps", WARNING, \
		"CPU %2 was taken from worker %1 for %3 % of the last minute.", \
		"Keep others off that CPU (isolcpus, nohz_full); on a virtual machine ask for " \
		"a CPU that is not shared.", \
		"最近一分钟 CPU %2 有 %3 % 的时间未给工作线程 %1。", \
		"不要让其他程序使用该 CPU（isolcpus、nohz_full）；虚拟机请使用独占的 CPU。") \
	X(PROBLEM_GUESSING, "guessing", WARNING, \
		"%1 ids or addresses have used up their failed logins.", \
		"Somebody guesses, or devices have a wrong PIN: see drops by reason.", \
		"%1 个设备号或地址已用完登录失败次数。", \
		"有人在猜测，或设备的 PIN 有误：请查看按原因统计的丢弃。") \
	X(PROBLEM_DAMAGED, "commands-damaged", WARNING, \
		"The command ring %1 of a backend is damaged and was given up.", \
		"Restart that backend; it registers a new one.", "后端的命令环 %1 已损坏并弃用。", \
		"重启该后端，它会注册新的命令环。") \
	X(PROBLEM_HELD, "flapping", NOTICE, \
		"%1 devices are held down: they reconnected too often.", \
		"Look at their network and power; they may come again by themselves.", \
		"%1 台设备被暂时限制：重连过于频繁。", "检查其网络和电源；限制会自动解除。") \
	X(PROBLEM_CLONES, "clones", NOTICE, \
		"%1 times in the last minute two devices came under one id.", \
		"The event stream names them (alert, clone): give one a new id and PIN.", \
		"最近一分钟有 %1 次两台设备使用同一设备号。", \
		"事件流会给出设备号（alert, clone）：请为其中一台换新设备号和 PIN。") \
	X(PROBLEM_DEVICES_FULL, "devices-full", NOTICE, \
		"%1 of %2 devices are provisioned; then no more can be.", \
		"Raise limits.devices and restart.", "%2 台设备已登记 %1 台；满后无法再登记。", \
		"增大 limits.devices 并重启。")
/* clang-format on */
