// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.host.HostException;
import io.godwit.host.PassedDescriptors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The descriptors that a host was started with for its migrations: {@code --inherit-fd N[=NAME]}, and the one that
 * {@code --incoming fd:N} names.
 */
final class InheritedDescriptors {
    private static final Pattern WORD = Pattern.compile("(\\d{1,9})(?:=(.+))?");

    private record Inherited(int number, Optional<String> name) {}

    private final List<Inherited> all = new ArrayList<>();

    /**
     * Reads the options. To be called before this process opens files of its own, so that none of them is taken for
     * one that was inherited.
     *
     * @param words {@code N} or {@code N=NAME}
     * @param incoming the URI of {@code --incoming}, if there is one
     * @throws CommandFailure if a descriptor is not open, or is one that Java runs by
     */
    static InheritedDescriptors of(List<String> words, Optional<String> incoming) {
        InheritedDescriptors inherited = new InheritedDescriptors();
        words.forEach(inherited::add);
        incoming.filter(uri -> uri.matches("fd:\\d{1,9}"))
                .map(uri -> uri.substring("fd:".length()))
                .filter(number -> !inherited.has(number))
                .ifPresent(inherited::add);
        return inherited;
    }

    private boolean has(String number) {
        return all.stream().anyMatch(one -> Integer.toString(one.number()).equals(number));
    }

    private void add(String word) {
        Matcher parts = WORD.matcher(word);
        if (!parts.matches()) {
            throw new CommandFailure("--inherit-fd " + word + ": expected a descriptor's number, or NUMBER=NAME.");
        }
        int number = Integer.parseInt(parts.group(1));
        refuseUnlessInherited(number);
        all.add(new Inherited(number, Optional.ofNullable(parts.group(2))));
    }

    /** Java itself has opened its library and the program; on them a guest is neither read nor written. */
    private static void refuseUnlessInherited(int number) {
        Path target;
        try {
            target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + number));
        } catch (IOException e) {
            throw new CommandFailure(
                    "Descriptor " + number + " is not open: this host was started without it. A shell passes one with "
                            + number + "<>PATH, a program by leaving it open and not close-on-exec.",
                    e);
        }
        if (target.startsWith(Path.of(System.getProperty("java.home")))
                || target.toString().matches(".*\\.(jar|aot)")) {
            throw new CommandFailure("Descriptor " + number + " was not passed to this host: Java reads " + target
                    + " by it. Pass another number.");
        }
    }

    /** Makes them known to the host. */
    void passTo(PassedDescriptors descriptors) {
        for (Inherited one : all) {
            try {
                descriptors.inherit(one.number(), one.name());
            } catch (HostException e) {
                throw new CommandFailure(String.valueOf(e.getMessage()), e);
            }
        }
    }
}
