# SPDX-License-Identifier: Apache-2.0
# Copyright the Godwit authors
#
# Reads Surefire's XML reports and prints, tab-separated:
#   FAILED <class> <test> <message>     SKIPPED <class> <test> <reason>     TOTAL <passed> <failed> <skipped>
# A report is cut at each '<', so a record is one tag with its attributes and the text behind it.

BEGIN { RS = "<"; passed = failed = skipped = collecting = 0 }

function attribute(tag, name, at, rest) {
    at = index(tag, " " name "=\"")
    if (at == 0) return ""
    rest = substr(tag, at + length(name) + 3)
    rest = substr(rest, 1, index(rest, "\"") - 1)
    gsub(/&#10;|&#9;|&#13;|[\n\t]/, " ", rest)
    gsub(/&lt;/, "<", rest); gsub(/&gt;/, ">", rest); gsub(/&quot;/, "\"", rest); gsub(/&apos;/, "'", rest); gsub(/&amp;/, "\\&", rest)
    return rest
}

# An assumption's reason is not an attribute but the first line of the stack trace; a '<' in it begins another record.
collecting {
    line = "<" $0
    if (line ~ /^<!\[CDATA\[/) line = substr(line, 10)
    if (index(line, "\n")) collecting = 0
    sub(/\n.*/, "", line)
    sub(/^[A-Za-z0-9.]*TestAbortedException: /, "", line)
    sub(/^Assumption failed: /, "", line)
    reason = reason line
}

# What a test printed, or a stack trace, may look like a report itself.
inside != "" {
    if (index($0, "/" inside ">") == 1) inside = ""
    next
}
match($0, /^(failure|error|system-out|system-err)[ \n\t>]/) && $0 !~ /\/>[ \n\t]*$/ {
    inside = substr($0, 1, RLENGTH - 1)
}
/^testcase[ \n\t]/ { test = attribute($0, "name"); class = attribute($0, "classname"); state = "passed" }
/^(failure|error)[ \n\t>]/ && state == "passed" { state = "failed"; reason = attribute($0, "message") }
/^skipped[ \n\t\/>]/ && state == "passed" { state = "skipped"; reason = attribute($0, "message"); collecting = (reason == "") }
/^testcase[ \n\t][^>]*\/>/ || /^\/testcase>/ {
    if (state == "passed") passed++
    if (state == "failed") { failed++; printf "FAILED\t%s\t%s\t%s\n", class, test, reason }
    if (state == "skipped") { skipped++; printf "SKIPPED\t%s\t%s\t%s\n", class, test, reason }
    state = ""
}

END { printf "TOTAL\t%d\t%d\t%d\n", passed, failed, skipped }
