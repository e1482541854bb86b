#!/bin/sh
# No engine, but one who is not to be touched: writes every signal that it gets to the file $1. KILL and STOP show in what becomes of it.
for signal in HUP INT QUIT ABRT USR1 USR2 PIPE ALRM TERM CONT TSTP TTIN TTOU URG XCPU IO WINCH; do trap "echo $signal >>'$1'" $signal; done
: >>"$1"
while :; do sleep 1000 & wait $!; done
