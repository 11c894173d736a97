/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/version.h"

#include <seccomp.h>

#include "runhcs/commit.h"

#define OCI_SPEC_VERSION "1.3.0"

void version_print(struct output *out)
{
	const struct scmp_version *seccomp = seccomp_version();

	output_text(out, "runhcs version " HCS_VERSION "\n"
			 "commit: " HCS_COMMIT "\n"
			 "spec: " OCI_SPEC_VERSION "\n");
	if (seccomp)
		output_format(out, "libseccomp: %u.%u.%u\n", seccomp->major, seccomp->minor,
			      seccomp->micro);
}
