// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host.arbiter;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.ArbiterProvider;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.arbiter.LeasedArbiter;
import io.godwit.engine.arbiter.NoArbiter;
import java.nio.file.Path;
import java.util.ServiceLoader;

/** Who gives the right to run a guest, by its name: {@code lock:DIR}, {@code exec:COMMAND}, {@code none} and others. */
public final class Arbiters {
    private Arbiters() {}

    /**
     * The arbiter of that name, for one host and one guest.
     *
     * @param name {@code lock} alone is this machine's usual directory; a word that is not known here is looked for
     *     among the {@link ArbiterProvider}s
     * @throws ArbiterException with a sentence, if there is none
     */
    public static Arbiter open(String name) {
        int colon = name.indexOf(':');
        String scheme = colon < 0 ? name : name.substring(0, colon);
        String place = colon < 0 ? "" : name.substring(colon + 1);
        return switch (scheme) {
            case "none" -> new NoArbiter();
            case "lock" -> place.isEmpty() ? FileLockArbiter.inDefaultDirectory() : new FileLockArbiter(Path.of(place));
            case "exec" -> new LeasedArbiter(new ExecTokens(place));
            default ->
                ServiceLoader.load(ArbiterProvider.class).stream()
                        .map(ServiceLoader.Provider::get)
                        .filter(provider -> provider.scheme().equals(scheme))
                        .findFirst()
                        .orElseThrow(() -> new ArbiterException("There is no arbiter '" + name
                                + "'. Say lock:DIR, etcd:HOST:PORT,..., exec:COMMAND or" + " none."))
                        .open(place);
        };
    }
}
