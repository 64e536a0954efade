#!/bin/sh
# Where a memory allocator stands that is quicker than the C library's, or nothing. DuckDB plans a statement in thousands of small
# pieces, and a test's statements are planned for a few rows each: a first sync of 20 people takes a fifth less processor with it.
case "$(uname -s)" in Linux) ;; *) exit 0 ;; esac
find_it() { find /usr/lib /usr/lib64 -name libjemalloc.so.2 2>/dev/null | head -n 1; }
[ -n "$(find_it)" ] || {
  as_root=$([ "$(id -u)" = 0 ] || echo sudo)
  { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libjemalloc2; } >/dev/null 2>&1
}
find_it
