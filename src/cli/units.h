/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sizes and times as docker prints them. */
#include <stddef.h>
#include <stdint.h>

#define UNITS_SIZE 48 /* room for any of them */

/* "245.8kB", "1.63MB", "0B": powers of 1000, four digits. Returns buf. */
char *units_decimal(uint64_t bytes, char buf[UNITS_SIZE]);
/* "246kB", three digits: as docker prints what an image, a layer or a container takes. */
char *units_decimal_short(uint64_t bytes, char buf[UNITS_SIZE]);
/* "12.3MiB": powers of 1024. */
char *units_binary(uint64_t bytes, char buf[UNITS_SIZE]);
/* "Less than a second", "1 second", "5 minutes", "About an hour", "3 weeks". */
char *units_duration(int64_t seconds, char buf[UNITS_SIZE]);
