// batond: the router daemon. With --local it also starts the workers its YAML places on this machine.

#include <ifaddrs.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>

#include "app/options.h"
#include "baton/version.h"
#include "config/config.h"
#include "core/log.h"
#include "router/router.h"
#include "supervise/supervisor.h"
