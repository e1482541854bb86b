#!/bin/sh
# What it was started with: environment, descriptors, signal masks, capabilities, session, directory.
echo '== env'
tr '\0' '\n' </proc/$$/environ
echo '== fds'
# A command substitution would open a pipe in the very shell that is looked at.
find /proc/$$/fd -type l -printf '%f %l\n' | sort -n
# Read by the shell itself: one that waits for a child blocks signals.
echo '== status'
while read -r line; do echo "$line"; done </proc/$$/status
echo '== stat'
read -r line </proc/$$/stat; echo "$line"
echo '== limits'
cat /proc/$$/limits
echo '== oom'
cat /proc/$$/oom_score_adj
echo '== cwd'
pwd
echo '== end'
exec sleep 1000
