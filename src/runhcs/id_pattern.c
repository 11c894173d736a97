/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/id_pattern.h"

#include <regex.h>

#include "runhcs/state_list.h"

int for_each_matching_id(const struct compute_host *host, const char *pattern, id_fn fn,
			 const void *data, struct error *err)
{
	_cleanup_state_list_ struct state_list list = { 0 };
	_cleanup_error_ struct error first = ERROR_INIT;
	regex_t regex;
	int r;

	r = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		char why[128];

		(void)regerror(r, &regex, why, sizeof(why));
		return error_set(err, EINVAL, "bad regular expression \"%s\": %s", pattern, why);
	}
	r = compute_list(host, &list.items, &list.len, err);
	for (size_t i = 0; r >= 0 && i < list.len; i++) {
		_cleanup_error_ struct error one = ERROR_INIT;

		if (regexec(&regex, list.items[i].id, 0, NULL, 0) != 0)
			continue;
		if (fn(host, list.items[i].id, data, &one) < 0 && !first.code) {
			(void)error_wrap(&one, -one.code, "%s", list.items[i].id);
			error_move(&first, &one);
		}
	}
	regfree(&regex);
	if (r >= 0 && first.code) {
		r = -first.code;
		error_move(err, &first);
	}
	return r < 0 ? r : 0;
}
