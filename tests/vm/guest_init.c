/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of the guest in vmwp's own tests, where the agent would be: it says HELLO,
 * answers requests, and misbehaves when asked to. Its side of the protocol is written out here on
 * purpose, apart from src/wire. Requests, as plain text in the frame's body behind a first word:
 *
 *   echo TEXT     answered with TEXT
 *   sh SCRIPT     answered with what /bin/sh wrote to stdout and stderr, and "status N"
 *   cat           from now on the client's stdin comes back on its stdout, with credit
 *   pour N        N bytes of output on stdout, without asking for credit
 *   raw HEX       these bytes instead of an answer
 *   flood         empty EXIT frames to a client that has gone, for ever
 *   deaf          reads nothing any more
 *   gone          answered with how many clients have gone, by vmwp's word
 *
 * hcs.hello=TEXT on the kernel's command line is said in place of HELLO's usual body, after a type.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELLO = 1, REQUEST, RESPONSE, EXIT, EVENT, GONE, END, DATA = 16, END_OF_DATA, STOP, WINDOW };
#define ANSWER_MAX (1 << 20)

static int port;
static uint8_t body[(8 << 20) + 1];
static char answer[ANSWER_MAX];
static int gone;

static void put(const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = write(port, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			reboot(RB_AUTOBOOT);
		p += n;
		len -= (size_t)n;
	}
}

static void get(void *data, size_t len)
{
	for (char *p = data; len > 0;) {
		ssize_t n = read(port, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static void send_frame(uint32_t type, uint32_t client, uint32_t number, const void *data,
		       size_t len)
{
	static uint8_t out[16 + ANSWER_MAX];
	const uint32_t header[] = { htole32(type), htole32((uint32_t)len), htole32(client),
				    htole32(number) };

	memcpy(out, header, sizeof(header));
	if (len)
		memcpy(out + sizeof(header), data, len);
	put(out, sizeof(header) + len);
}

static void mount_on(const char *type, const char *source, const char *target, unsigned long flags)
{
	(void)mkdir(target, 0755);
	if (mount(source, target, type, flags, NULL) < 0)
		(void)fprintf(stderr, "mount %s: %s\n", target, strerror(errno));
}

static void run_script(const char *script, uint32_t client, uint32_t number)
{
	size_t len = 0;
	ssize_t n;
	int out[2], status;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)dup2(out[1], 2);
		execl("/bin/busybox", "sh", "-c", script, NULL);
		_exit(127);
	}
	close(out[1]);
	while (len < sizeof(answer) - 64 &&
	       (n = read(out[0], answer + len, sizeof(answer) - 64 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	(void)waitpid(pid, &status, 0);
	len += (size_t)snprintf(answer + len, 64, "status %d", WEXITSTATUS(status));
	send_frame(RESPONSE, client, number, answer, len);
}

static void put_raw(const char *hex)
{
	size_t len = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		answer[len++] = (char)byte;
	put(answer, len);
}

static void pour(size_t len, uint32_t client)
{
	static const char zeros[16384];

	for (; len > 0; len -= len < sizeof(zeros) ? len : sizeof(zeros))
		send_frame(DATA, client, 1, zeros, len < sizeof(zeros) ? len : sizeof(zeros));
}

static void handle(uint32_t client, uint32_t number, char *text, size_t len)
{
	if (strncmp(text, "echo ", 5) == 0) {
		send_frame(RESPONSE, client, number, text + 5, len - 5);
	} else if (strncmp(text, "sh ", 3) == 0) {
		run_script(text + 3, client, number);
	} else if (strcmp(text, "cat") == 0) {
		send_frame(RESPONSE, client, number, "{}", 2);
	} else if (strncmp(text, "pour ", 5) == 0) {
		send_frame(RESPONSE, client, number, "{}", 2);
		pour(strtoul(text + 5, NULL, 10), client);
	} else if (strncmp(text, "raw ", 4) == 0) {
		put_raw(text + 4);
	} else if (strcmp(text, "flood") == 0) {
		send_frame(RESPONSE, client, number, "{}", 2);
		for (;;)
			send_frame(EVENT, client, 0, "{}", 2);
	} else if (strcmp(text, "gone") == 0) {
		len = (size_t)snprintf(answer, sizeof(answer), "%d gone", gone);
		send_frame(RESPONSE, client, number, answer, len);
	} else if (strcmp(text, "deaf") == 0) {
		send_frame(RESPONSE, client, number, "{}", 2);
		for (;;)
			pause();
	} else {
		send_frame(RESPONSE, client, number, "??", 2);
	}
}

/* stdin comes back as stdout; what has been taken is granted again, and what is granted to us is
 * not counted: as much comes in as may go out. */
static void echo_stream(uint32_t type, uint32_t client, size_t len)
{
	const uint32_t grant = htole32((uint32_t)len);

	if (type == END_OF_DATA) {
		send_frame(END_OF_DATA, client, 1, NULL, 0);
		send_frame(EXIT, client, 0, "{\"code\":0}", 10);
		return;
	}
	send_frame(DATA, client, 1, body, len);
	send_frame(WINDOW, client, 0, &grant, sizeof(grant));
}

/* hcs.hello=1:{…}; no spaces in it, and ~ for what ends a parameter's quotes. */
static void say_hello(void)
{
	static const char usual[] = "{\"protocol\":1,\"minimum\":1,\"kernel\":\"test\"}";
	static char line[4096];
	FILE *file = fopen("/proc/cmdline", "re");
	char *text, *end;
	unsigned long type;

	text = file && fgets(line, sizeof(line), file) ? strstr(line, "hcs.hello=") : NULL;
	if (!text) {
		send_frame(HELLO, 0, 0, usual, sizeof(usual) - 1);
		return;
	}
	type = strtoul(text + strlen("hcs.hello="), &end, 10);
	text = end + 1;
	text[strcspn(text, " \n")] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '~')
			*p = '"';
	send_frame((uint32_t)type, 0, 0, text, strlen(text));
}

int main(void)
{
	uint32_t header[4];

	mount_on("proc", "proc", "/proc", 0);
	mount_on("sysfs", "sysfs", "/sys", 0);
	mount_on("devtmpfs", "dev", "/dev", 0);
	mount_on("virtiofs", "hcs", "/share", 0);
	port = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
	if (port < 0)
		return 1;
	say_hello();
	for (;;) {
		uint32_t type, size;

		get(header, sizeof(header));
		type = le32toh(header[0]);
		size = le32toh(header[1]);
		if (size >= sizeof(body))
			return 1;
		get(body, size);
		body[size] = '\0';
		if (type == REQUEST)
			handle(le32toh(header[2]), le32toh(header[3]), (char *)body, size);
		else if (type == GONE)
			gone++;
		else if (type == DATA || type == END_OF_DATA)
			echo_stream(type, le32toh(header[2]), size);
	}
}
