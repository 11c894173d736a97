/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Who has the lock of a container, for the command that must not wait for it. */

/* Waits until whoever has the flock(2) of fd (another open of the same directory) gives it up or ends, for at most
 * patience_ms milliseconds; kills it then. Best effort: a holder in another pid namespace or of another user is
 * left alone. Does not take the lock. */
void lock_break(int fd, int patience_ms);
