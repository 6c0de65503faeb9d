#!/bin/sh
# SPDX-License-Identifier: MIT
# expect_failure.sh REASON COMMAND...: succeeds if the command fails and says why, in words that match REASON (grep -E).
reason=$1
shift
if output=$("$@" 2>&1); then
    printf '%s\nit passed, but had to fail\n' "$output"
    exit 1
fi
printf '%s\n' "$output"
if ! printf '%s\n' "$output" | grep -Eq -- "$reason"; then
    printf 'it failed, but not for this reason: %s\n' "$reason"
    exit 1
fi
