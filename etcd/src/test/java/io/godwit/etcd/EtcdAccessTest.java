// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.etcd.jetcd.Auth;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.auth.Permission;
import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that lets nobody in without a certificate, and nobody ask without a user's password. */
@Tag("peer")
class EtcdAccessTest {
    private static final int TTL = 10;
    private static final int MOST_TRIES = 1000;
    private static final Duration PATIENCE = Duration.ofMillis(200);

    @TempDir
    private static Path directory = Path.of("");

    @SuppressWarnings("NullAway.Init")
    private static EtcdCluster cluster;

    private final UUID guest = UUID.randomUUID();

    @BeforeAll
    static void start() throws Exception {
        cluster = EtcdCluster.startSecure(
                directory, 3, new TestCertificates(directory).issue("member").issue("host"));
        EtcdPlace place = EtcdPlace.parse(cluster.place(TTL));
        try (Client root =
                EtcdMembers.builder(place, place.members().getFirst()).build()) {
            requireUsers(root.getAuthClient());
        }
        Files.writeString(directory.resolve("password"), "a guest's\n");
        Files.writeString(directory.resolve("wrong"), "no password\n");
    }

    /** A user who may touch our keys, and no others. */
    private static void requireUsers(Auth auth) throws Exception {
        ByteSequence root = bytes("root");
        var _ = auth.roleAdd(root).get();
        var _ = auth.userAdd(root, root).get();
        var _ = auth.userGrantRole(root, root).get();
        var _ = auth.roleAdd(bytes("hosts")).get();
        var _ = auth.roleGrantPermission(bytes("hosts"), bytes("godwit/"), bytes("godwit0"), Permission.Type.READWRITE)
                .get();
        var _ = auth.userAdd(bytes("godwit"), bytes("a guest's")).get();
        var _ = auth.userGrantRole(bytes("godwit"), bytes("hosts")).get();
        var _ = auth.authEnable().get();
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }

    @AfterAll
    static void end() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static Arbiter arbiter(String passwordFile) {
        return new EtcdArbiters()
                .open(cluster.place(TTL) + ",user=godwit,password-file=" + directory.resolve(passwordFile));
    }

    @Test
    void aUserWithACertificateTakesRecordsKeepsAndGivesBackATokenOverTls() {
        try (Arbiter one = arbiter("password");
                Arbiter other = arbiter("password")) {
            assertThat(one.claim(guest, PATIENCE)).isInstanceOf(Arbiter.Claim.Won.class);
            one.recordRun(Optional.of(UUID.randomUUID()));
            assertThat(other.claim(guest, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Lost.class);
            one.release();
            assertThat(other.claim(guest, PATIENCE)).isInstanceOf(Arbiter.Claim.Won.class);
            assertThat(other.fencingNumber()).isGreaterThan(one.fencingNumber());
        }
    }

    @Test
    void membersThatForgetWhoHasLoggedInCostNothing() throws Exception {
        Semaphore losses = new Semaphore(0);
        try (Arbiter one = arbiter("password")) {
            assertThat(one.claim(guest, PATIENCE)).isInstanceOf(Arbiter.Claim.Won.class);
            one.watchLoss(losses::release);
            for (int member = 0; member < cluster.size(); member++) {
                cluster.kill(member);
                cluster.restart(member);
                recordWhenLed(one);
            }
            // As long as a lease, in which it must have been renewed.
            assertThat(losses.tryAcquire(TTL, TimeUnit.SECONDS)).as("lost").isFalse();
            assertThat(one.held()).isTrue();
        }
    }

    /** A new leader is chosen meanwhile. */
    private static void recordWhenLed(Arbiter arbiter) {
        for (int tries = 0; ; tries++) {
            try {
                arbiter.recordRun(Optional.empty());
                return;
            } catch (ArbiterException e) {
                assertThat(tries).as(e.toString()).isLessThan(MOST_TRIES);
            }
        }
    }

    @Test
    void aWrongPasswordIsToldOf() {
        try (Arbiter stranger = arbiter("wrong")) {
            assertThatThrownBy(() -> stranger.claim(guest, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("invalid user ID or password");
        }
    }

    @Test
    void theNameInACertificateIsNoUserThatMayDoThis() {
        try (Arbiter stranger = new EtcdArbiters().open(cluster.place(TTL))) {
            assertThatThrownBy(() -> stranger.claim(guest, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("permission denied");
        }
    }

    @Test
    void membersOfAnotherAuthorityAreNotTrusted(@TempDir Path elsewhere) throws IOException {
        Path other = new TestCertificates(elsewhere).certificate("ca");
        try (Arbiter deceived = new EtcdArbiters().open(cluster.addresses() + ",ca=" + other)) {
            assertThatThrownBy(() -> deceived.claim(guest, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("certif");
        }
    }

    @Test
    void whoHasNoCertificateIsNotLetIn() {
        String ca = ",ca=" + directory.resolve("ca.pem");
        try (Arbiter stranger = new EtcdArbiters().open(cluster.addresses() + ca)) {
            assertThatThrownBy(() -> stranger.claim(guest, Duration.ZERO)).isInstanceOf(ArbiterException.class);
        }
    }
}
