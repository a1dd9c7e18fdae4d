// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How long certain threads waited for a processor although they could have run, as the kernel saw it. KERNEL: the
 * events sched_waking and sched_switch of a trace instance of its own, on the clock of {@link System#nanoTime}; see
 * Documentation/trace/ftrace.rst. Needs the privilege to write to tracefs.
 */
final class SchedulerTrace implements AutoCloseable {
    private static final Path INSTANCES = Path.of("/sys/kernel/tracing/instances");
    private static final Pattern LINE = Pattern.compile(
            "\\s(?<seconds>\\d+)\\.(?<micros>\\d{6}): (?<event>sched_waking|sched_switch): (?<words>.*)$");
    private static final Pattern WAKING = Pattern.compile("pid=(?<pid>\\d+) ");
    private static final Pattern SWITCH =
            Pattern.compile("prev_pid=(?<before>\\d+) .*prev_state=(?<state>\\S+) ==> .*next_pid=(?<after>\\d+) ");

    /** A thread could have run from {@code beginNanos} on and did at {@code endNanos}. */
    record Wait(long beginNanos, long endNanos) {}

    private final Path directory;

    private SchedulerTrace(Path directory) {
        this.directory = directory;
    }

    /**
     * Begins to trace threads whose names match one of the patterns, as the kernel's filters understand them.
     *
     * @return empty where this process may not
     */
    static Optional<SchedulerTrace> of(String... names) {
        Path directory = INSTANCES.resolve("godwit-" + ProcessHandle.current().pid());
        try {
            Files.createDirectory(directory);
            SchedulerTrace trace = new SchedulerTrace(directory);
            trace.write("trace_clock", "mono");
            trace.write("buffer_size_kb", "16384");
            trace.write("events/sched/sched_waking/filter", filter("comm", names));
            trace.write(
                    "events/sched/sched_switch/filter",
                    filter("prev_comm", names) + " || " + filter("next_comm", names));
            trace.write("events/sched/sched_waking/enable", "1");
            trace.write("events/sched/sched_switch/enable", "1");
            return Optional.of(trace);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static String filter(String field, String... names) {
        return String.join(
                " || ",
                Stream.of(names).map(name -> field + " ~ \"" + name + "\"").toList());
    }

    private void write(String file, String text) throws IOException {
        Files.writeString(directory.resolve(file), text + "\n");
    }

    /**
     * Ends the tracing and tells for each span in how much of it one thread at least waited for a processor.
     *
     * @param spans pairs of times, the begin and the end
     */
    List<Long> waitedNanos(List<long[]> spans) throws IOException {
        write("tracing_on", "0");
        List<Wait> waits;
        try (Stream<String> lines = Files.lines(directory.resolve("trace"))) {
            waits = waits(lines);
        }
        List<Long> all = new ArrayList<>();
        for (long[] span : spans) {
            all.add(coveredNanos(waits, span[0], span[1]));
        }
        return all;
    }

    /** How much of the time from {@code begin} to {@code end} is in one of these waits at least. */
    static long coveredNanos(List<Wait> waits, long begin, long end) {
        long covered = 0;
        long upTo = begin;
        for (Wait wait : waits.stream()
                .sorted(Comparator.comparingLong(Wait::beginNanos))
                .toList()) {
            long from = Math.max(upTo, wait.beginNanos);
            long to = Math.min(end, wait.endNanos);
            if (from < to) {
                covered += to - from;
                upTo = to;
            }
        }
        return covered;
    }

    /** All waits that a trace tells of. */
    static List<Wait> waits(Stream<String> lines) {
        List<Wait> waits = new ArrayList<>();
        // Of those that were woken: whose names match. Others are in the trace because they changed places with one.
        Set<String> traced = new HashSet<>();
        Map<String, Long> runnableSince = new HashMap<>();
        for (String line : (Iterable<String>) lines::iterator) {
            Matcher event = LINE.matcher(line);
            if (!event.find()) {
                continue;
            }
            long now = Long.parseLong(event.group("seconds")) * 1_000_000_000
                    + Long.parseLong(event.group("micros")) * 1_000;
            if (event.group("event").equals("sched_waking")) {
                Matcher waking = WAKING.matcher(event.group("words"));
                if (waking.find()) {
                    boolean _ = traced.add(waking.group("pid"));
                    long _ = runnableSince.computeIfAbsent(waking.group("pid"), _ -> now);
                }
            } else {
                readSwitch(event.group("words") + " ", now, traced, runnableSince, waits);
            }
        }
        return waits;
    }

    private static void readSwitch(
            String words, long now, Set<String> traced, Map<String, Long> runnableSince, List<Wait> waits) {
        Matcher change = SWITCH.matcher(words);
        if (!change.find()) {
            return;
        }
        Long since = runnableSince.remove(change.group("after"));
        if (since != null) {
            waits.add(new Wait(since, now));
        }
        if (change.group("state").startsWith("R") && traced.contains(change.group("before"))) {
            // Taken off its processor although it could have gone on.
            runnableSince.put(change.group("before"), now);
        } else {
            // Who woke it while it ran kept it from nothing: it sleeps now.
            runnableSince.remove(change.group("before"));
        }
    }

    @Override
    public void close() throws IOException {
        write("events/sched/sched_waking/enable", "0");
        write("events/sched/sched_switch/enable", "0");
        Files.delete(directory);
    }
}
