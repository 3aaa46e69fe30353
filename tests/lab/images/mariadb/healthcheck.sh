#!/bin/bash
# A stand-in for tests: whatever of the official script's checks is asked for, the server must answer to the world.
extra=/var/lib/mysql/.my-healthcheck.cnf
[ "$(mariadb --defaults-extra-file="$extra" --protocol=socket -BN -e 'SELECT @@skip_networking')" = 0 ]
