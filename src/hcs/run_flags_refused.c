/* SPDX-License-Identifier: Apache-2.0 */
/* docker's flags that cannot be honoured: each is refused with the reason, none is ignored. */
#include "hcs/run_flags.h"

#define THROTTLE "limits of single devices are not supported; there is --blkio-weight"
#define HEALTH "health checks are not run; restart by exit status: --restart"
#define WINDOWS "is of Windows containers; there is --cpus"

static const struct {
	const char *flag, *why;
} refused[REFUSED_FLAGS] = {
	[REFUSED_BLKIO_WEIGHT_DEVICE] = { "--blkio-weight-device", THROTTLE },
	[REFUSED_CPU_COUNT] = { "--cpu-count", WINDOWS },
	[REFUSED_CPU_PERCENT] = { "--cpu-percent", WINDOWS },
	[REFUSED_CPU_RT_PERIOD] = { "--cpu-rt-period", "realtime groups are not supported" },
	[REFUSED_CPU_RT_RUNTIME] = { "--cpu-rt-runtime", "realtime groups are not supported" },
	[REFUSED_DEVICE_READ_BPS] = { "--device-read-bps", THROTTLE },
	[REFUSED_DEVICE_READ_IOPS] = { "--device-read-iops", THROTTLE },
	[REFUSED_DEVICE_WRITE_BPS] = { "--device-write-bps", THROTTLE },
	[REFUSED_DEVICE_WRITE_IOPS] = { "--device-write-iops", THROTTLE },
	[REFUSED_GPUS] = { "--gpus", "needs a vendor's tools; give the nodes with --device" },
	[REFUSED_HEALTH_CMD] = { "--health-cmd", HEALTH },
	[REFUSED_HEALTH_INTERVAL] = { "--health-interval", HEALTH },
	[REFUSED_HEALTH_RETRIES] = { "--health-retries", HEALTH },
	[REFUSED_HEALTH_START_INTERVAL] = { "--health-start-interval", HEALTH },
	[REFUSED_HEALTH_START_PERIOD] = { "--health-start-period", HEALTH },
	[REFUSED_HEALTH_TIMEOUT] = { "--health-timeout", HEALTH },
	[REFUSED_IO_MAXBANDWIDTH] = { "--io-maxbandwidth", "is of Windows containers" },
	[REFUSED_IO_MAXIOPS] = { "--io-maxiops", "is of Windows containers" },
	[REFUSED_IP6] = { "--ip6", "addresses of IPv6 are the network's to choose" },
	[REFUSED_KERNEL_MEMORY] = { "--kernel-memory",
				    "the kernel no longer limits its memory apart" },
	[REFUSED_LINK] = { "--link", "give both containers one --network" },
	[REFUSED_LINK_LOCAL_IP] = { "--link-local-ip", "addresses are the network's to choose" },
	[REFUSED_RUNTIME] = { "--runtime", "there is one runtime; choose with --isolation" },
	[REFUSED_VOLUME_DRIVER] = { "--volume-driver", "volumes are directories of this host" },
	[REFUSED_VOLUMES_FROM] = { "--volumes-from", "name the volumes with -v or --mount" },
};

int run_flags_check_refused(const struct run_flags *flags, struct error *err)
{
	for (size_t i = 0; i < REFUSED_FLAGS; i++)
		if (flags->refused[i])
			return error_set(err, ENOTSUP, "%s is not supported: %s", refused[i].flag,
					 refused[i].why);
	if (!flags->disable_content_trust)
		return error_set(
			err, ENOTSUP,
			"--disable-content-trust=false: signatures of Docker Content Trust "
			"are not checked; name the image by its digest");
	if (flags->use_api_socket)
		return error_set(err, ENOTSUP,
				 "--use-api-socket is not supported: there is no daemon and no "
				 "socket of its API");
	return 0;
}
