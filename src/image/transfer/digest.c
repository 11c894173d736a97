/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

struct digest {
	EVP_MD_CTX *context;
	const char *name;
};

static int crypto_error(struct error *err)
{
	return error_set(err, ENOMEM, "libcrypto cannot make a digest");
}

int digest_begin(const char *like, struct digest **ret, struct error *err)
{
	struct digest *digest = calloc(1, sizeof(*digest));
	bool sha512 = like && strncmp(like, "sha512:", 7) == 0;

	if (!digest)
		return error_oom(err);
	digest->name = sha512 ? "sha512" : "sha256";
	digest->context = EVP_MD_CTX_new();
	if (!digest->context ||
	    EVP_DigestInit_ex(digest->context, sha512 ? EVP_sha512() : EVP_sha256(), NULL) != 1) {
		digest_free(digest);
		return crypto_error(err);
	}
	*ret = digest;
	return 0;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

int digest_update(struct digest *digest, const void *data, size_t len, struct error *err)
{
	return EVP_DigestUpdate(digest->context, data, len) == 1 ? 0 : crypto_error(err);
}

int digest_end(struct digest *digest, char ret[DIGEST_SIZE], struct error *err)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t at;

	if (EVP_DigestFinal_ex(digest->context, value, &len) != 1 || len > 64)
		return crypto_error(err);
	at = (size_t)snprintf(ret, DIGEST_SIZE, "%s:", digest->name);
	for (unsigned i = 0; i < len; i++) {
		ret[at++] = hex[value[i] >> 4];
		ret[at++] = hex[value[i] & 15];
	}
	ret[at] = '\0';
	return 0;
}
