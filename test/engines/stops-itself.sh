#!/bin/sh
# A stopped process keeps a TERM for later.
echo ready
kill -STOP $$
exec sleep 1000
