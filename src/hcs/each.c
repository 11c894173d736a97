/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that do one thing to each of the containers named. */
#include <string.h>

#include "cli/number.h"
#include "hcs/hcs.h"

int each_container(const struct cli *cli, const struct flag_args *names,
		   int (*one)(const struct service *service, const char *name, void *data,
			      struct error *err),
		   void *data, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	int r = hcs_open(cli, &service, err);

	for (int i = 0; r == 0 && i < names->len; i++) {
		_cleanup_error_ struct error failure = ERROR_INIT;
		_cleanup_output_ struct output out = OUTPUT_INIT;

		const int done = one(&service, names->items[i], data, &failure);

		if (done < 0) {
			hcs_report(error_text(&failure));
			*ret_status = 1;
		}
		if (done < 0 || done == EACH_NOT_THERE)
			continue;
		output_format(&out, "%s\n", names->items[i]);
		r = output_flush(&out, err);
	}
	return r;
}

int stop_timeout_parse(const char *text, int64_t *ret, struct error *err)
{
	*ret = INT64_MIN;
	if (!text)
		return 0;
	if (number_signed(text, ret) < 0 || *ret < -1 || *ret > INT32_MAX)
		return error_set(err, EINVAL,
				 "invalid argument \"%s\" for \"--time\" flag: seconds are "
				 "expected, or -1",
				 text);
	return 0;
}
