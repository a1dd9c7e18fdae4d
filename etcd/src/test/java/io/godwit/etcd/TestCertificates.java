// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** An authority of this test's own, and who has a certificate of it, as files in PEM. */
final class TestCertificates {
    private static final String PASSWORD = "changeit";

    private final Path directory;
    private final Path store;

    /** Makes the authority. */
    TestCertificates(Path directory) {
        this.directory = directory;
        this.store = directory.resolve("store.p12");
        keytool("ca", "CN=an authority", "-ext", "bc:c");
    }

    /** Makes a certificate for somebody at 127.0.0.1. */
    TestCertificates issue(String name) {
        keytool(name, "CN=" + name, "-signer", "ca", "-ext", "san=ip:127.0.0.1");
        return this;
    }

    /** The certificate of that name; the authority's is {@code ca}. */
    Path certificate(String name) {
        try {
            Certificate certificate = load().getCertificate(name);
            return Files.writeString(directory.resolve(name + ".pem"), pem("CERTIFICATE", certificate.getEncoded()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    /** Its key. */
    Path key(String name) {
        try {
            byte[] key = load().getKey(name, PASSWORD.toCharArray()).getEncoded();
            return Files.writeString(directory.resolve(name + ".key"), pem("PRIVATE KEY", key));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    private void keytool(String alias, String name, String... more) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-validity",
                "2",
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-keystore",
                store.toString(),
                "-alias",
                alias,
                "-dname",
                name));
        command.addAll(List.of(more));
        try {
            assertThat(new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor())
                    .as("keytool")
                    .isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private KeyStore load() throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        return keys;
    }

    private static String pem(String what, byte[] content) {
        String lines = Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(content);
        return "-----BEGIN %s-----%n%s%n-----END %s-----%n".formatted(what, lines, what);
    }
}
