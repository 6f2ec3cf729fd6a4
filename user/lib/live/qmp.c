// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <jansson.h>

#include "output.h"
#include "qmp.h"
#include "util.h"

#define PATIENCE 5 /* seconds for an answer */
#define LONGEST (1 << 20) /* bytes of a line: query-commands has some tens of thousands */

struct qmp {
	int fd;
	FILE *in;
	uint32_t peer;
	char *line;
	size_t room;
};

struct qmp *qmp__free(struct qmp *qmp)
{
	if (!qmp)
		return NULL;
	if (qmp->in)
		fclose(qmp->in);
	if (qmp->fd >= 0)
		close(qmp->fd);
	free(qmp->line);
	free(qmp);
	return NULL;
}

uint32_t qmp__peer(const struct qmp *qmp)
{
	return qmp->peer;
}

/* A line with one object. *ret_object is the caller's. */
static int receive(struct qmp *qmp, json_t **ret_object, char why[QMP_WHY])
{
	json_error_t error;
	ssize_t n = getline(&qmp->line, &qmp->room, qmp->in);
	json_t *object;

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		snprintf(why, QMP_WHY, "no answer for %d s; is another client connected?",
			 PATIENCE);
		return -ETIMEDOUT;
	}
	if (n < 0) {
		snprintf(why, QMP_WHY, "it hung up");
		return -ECONNRESET;
	}
	object = n > LONGEST ? NULL : json_loadb(qmp->line, n, 0, &error);
	if (!json_is_object(object)) {
		json_decref(object);
		snprintf(why, QMP_WHY, "what it says is no JSON object");
		return -EPROTO;
	}
	*ret_object = object;
	return 0;
}

/* The answer's "return"; events that come before it are left out. *ret_result is the caller's. */
static int answer(struct qmp *qmp, json_t **ret_result, char why[QMP_WHY])
{
	for (;;) {
		json_auto_t *object = NULL;
		const char *class = "?", *text = "";
		json_t *result;
		int err = receive(qmp, &object, why);

		if (err)
			return err;
		if (json_object_get(object, "event"))
			continue;
		result = json_object_get(object, "return");
		if (result) {
			*ret_result = json_incref(result);
			return 0;
		}
		if (json_unpack(object, "{s:{s:s, s:s}}", "error", "class", &class, "desc",
				&text)) {
			snprintf(why, QMP_WHY, "it answers neither with a return nor an error");
			return -EPROTO;
		}
		snprintf(why, QMP_WHY, "%s", text);
		return strcmp(class, "CommandNotFound") ? -EREMOTEIO : -EOPNOTSUPP;
	}
}

/* Takes arguments over; NULL: none. */
static int command(struct qmp *qmp, const char *name, json_t *arguments, json_t **ret_result,
		   char why[QMP_WHY])
{
	json_auto_t *object = json_pack("{s:s}", "execute", name);
	cleanup_free char *text = NULL;
	int err;

	if (arguments)
		json_object_set_new(object, "arguments", arguments);
	text = json_dumps(object, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	err = output_write(qmp->fd, text, strlen(text));
	if (!err)
		err = output_write(qmp->fd, "\n", 1);
	if (err) {
		snprintf(why, QMP_WHY, "%s", strerror(-err));
		return err;
	}
	return answer(qmp, ret_result, why);
}

static int negotiate(struct qmp *qmp, char why[QMP_WHY])
{
	json_auto_t *greeting = NULL;
	json_auto_t *result = NULL;
	int err = receive(qmp, &greeting, why);

	if (!err && !json_object_get(greeting, "QMP")) {
		snprintf(why, QMP_WHY, "it is no QMP socket: no greeting");
		err = -EPROTO;
	}
	return err ? err : command(qmp, "qmp_capabilities", NULL, &result, why);
}

static int dial(struct qmp *qmp, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE };
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (qmp->fd < 0 ||
	    setsockopt(qmp->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(qmp->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (!getsockopt(qmp->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		qmp->peer = peer.pid;
	qmp->in = fdopen(dup(qmp->fd), "r");
	return qmp->in ? 0 : -errno;
}

int qmp__open(const char *path, struct qmp **ret_qmp, char why[QMP_WHY])
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int err;

	if (!qmp)
		return -ENOMEM;
	qmp->fd = -1;
	err = dial(qmp, path);
	if (err)
		snprintf(why, QMP_WHY, "%s", strerror(-err));
	else
		err = negotiate(qmp, why);
	if (err)
		qmp__free(qmp);
	else
		*ret_qmp = qmp;
	return err;
}

int qmp__has(struct qmp *qmp, const char *name, char why[QMP_WHY])
{
	json_auto_t *commands = NULL;
	int err = command(qmp, "query-commands", NULL, &commands, why);
	json_t *one;
	size_t i;

	if (err)
		return err;
	json_array_foreach(commands, i, one)
	{
		const char *this = json_string_value(json_object_get(one, "name"));

		if (this && !strcmp(this, name))
			return 1;
	}
	return 0;
}

/* The monitor's answer is a text for people, of the same shape since QEMU 2.10. */
int qmp__gpa2hva(struct qmp *qmp, uint64_t gpa, uint64_t *ret_hva, char why[QMP_WHY])
{
	json_auto_t *result = NULL;
	const char *text, *at;
	char line[40];
	int err;

	snprintf(line, sizeof(line), "gpa2hva %#" PRIx64, gpa);
	err = command(qmp, "human-monitor-command", json_pack("{s:s}", "command-line", line),
		      &result, why);
	if (err)
		return err;
	text = json_string_value(result);
	at = text && !strncmp(text, "Host virtual address for ", 25) ? strstr(text, ") is 0x") :
								       NULL;
	if (at && sscanf(at, ") is %" SCNx64, ret_hva) == 1)
		return 0;
	snprintf(why, QMP_WHY, "%.150s", text ? text : "gpa2hva answers with no text");
	why[strcspn(why, "\r\n")] = '\0';
	return -ENXIO;
}

int qmp__inject(struct qmp *qmp, uint64_t gpa, uint64_t *ret_sequence, char why[QMP_WHY])
{
	json_auto_t *result = NULL;
	json_int_t sequence;
	int err = command(qmp, QMP_INJECT,
			  json_pack("{s:I, s:s}", "address", (json_int_t)gpa, "mode", "notify"),
			  &result, why);

	if (err)
		return err;
	/* an answer without the error's number is not taken for one that says what was done */
	if (json_unpack(result, "{s:I}", "sequence", &sequence)) {
		snprintf(why, QMP_WHY, "its answer has no sequence number");
		return -EPROTO;
	}
	*ret_sequence = sequence;
	return 0;
}
