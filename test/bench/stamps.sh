#!/bin/sh
# The engine of the restart bench: its first act is to write its pid and the time in nanoseconds to $1.
date "+$$ %s%N" >>"$1"
exec sleep 100000
