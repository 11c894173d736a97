/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The rate of this machine's time stamp counter. QEMU's TCG hands it to the guest as it is, and
 * microvm has no other clock that a guest could measure it with: the guest has to be told
 * (tsc_early_khz=), and by how much it is told wrong its clock is wrong.
 */

/* kHz; 0 when it is not known (the processor's counter is not constant). From the kernel's own
 * conversion factors, exact to a few parts in 10^9; where perf events are not allowed it is measured
 * for 5 ms against CLOCK_MONOTONIC_RAW, exact to some 10^-6. */
unsigned tsc_khz(void);
