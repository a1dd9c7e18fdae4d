// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameEndingWith;
import static com.tngtech.archunit.core.domain.JavaModifier.FINAL;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.core.domain.properties.HasReturnType.Predicates.rawReturnType;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.stream.Collectors.toUnmodifiableSet;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaFieldAccess.AccessType;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.tracking.WriteProtectTracker;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.Timer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Who may depend on whom. module-info.java keeps the modules apart; these rules keep what the compiler does not see.
 */
class ArchitectureTest {
    private static JavaClasses godwit = new ClassFileImporter().importClasses();

    @BeforeAll
    static void readClasses() {
        Path root = SourceTree.root();
        List<Path> directories = SourceTree.MODULES.stream()
                .map(module -> root.resolve(module).resolve("target/classes"))
                .toList();
        godwit = new ClassFileImporter().importPaths(directories);
    }

    @Test
    void everyModuleIsLookedAt() {
        assertThat(SourceTree.MODULES)
                .allSatisfy(module -> assertThat(godwit)
                        .as("classes of module " + module)
                        .anyMatch(type -> type.getPackageName().startsWith("io.godwit." + module)));
    }

    @Test
    void onlyTheLinuxModuleTouchesForeignMemory() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.godwit.linux..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("java.lang.foreign..")
                .because("native calls and their rules live in one module")
                .allowEmptyShould(true)
                .check(godwit);
    }

    @Test
    void linuxDependsOnTheJdkOnly() {
        mayDependOnlyOn("io.godwit.linux..", "java..", "javax..", "jdk..", "org.jspecify..");
    }

    @Test
    void streamDependsOnTheJdkOnly() {
        mayDependOnlyOn("io.godwit.stream..", "java..", "javax..", "jdk..", "org.jspecify..");
    }

    @Test
    void engineDependsOnStreamAndLinuxOnly() {
        mayDependOnlyOn(
                "io.godwit.engine..",
                "io.godwit.stream..",
                "io.godwit.linux..",
                "java..",
                "javax..",
                "jdk..",
                "org.jspecify..");
    }

    @Test
    void machinesDependOnEngineStreamAndLinuxOnly() {
        mayDependOnlyOn(
                "io.godwit.machines..",
                "io.godwit.engine..",
                "io.godwit.stream..",
                "io.godwit.linux..",
                "java..",
                "javax..",
                "jdk..",
                "org.jspecify..");
    }

    @Test
    void theHostNeedsNoThirdParty() {
        mayDependOnlyOn(
                "io.godwit.host..",
                "io.godwit.machines..",
                "io.godwit.engine..",
                "io.godwit.stream..",
                "io.godwit.linux..",
                "java..",
                "javax..",
                "jdk..",
                "org.jspecify..");
    }

    @Test
    void theStoreKnowsNoRunningGuest() {
        mayDependOnlyOn(
                "io.godwit.store..",
                "io.godwit.stream..",
                "io.godwit.linux..",
                "com.github.luben.zstd..",
                "java..",
                "javax..",
                "jdk..",
                "org.jspecify..");
    }

    @Test
    void controlDoesNotKnowTheCommandLine() {
        noClasses()
                .that()
                .resideInAPackage("io.godwit.control..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.godwit.cli..", "picocli..")
                .allowEmptyShould(true)
                .check(godwit);
    }

    /** A module's root package is its face and holds what its parts share; it is seen as one with none of them. */
    @Test
    void partsOfAModuleAreFreeOfCycles() {
        slices().matching("io.godwit.(*).(**)").should().beFreeOfCycles().check(godwit);
    }

    @Test
    void precopyAndPostcopyOfOneSideDoNotKnowEachOther() {
        String precopy = "io.godwit.engine.*.precopy..";
        String postcopy = "io.godwit.engine.*.postcopy..";
        doNotKnow(precopy, postcopy);
        doNotKnow(postcopy, precopy);
    }

    private static void doNotKnow(String these, String those) {
        noClasses()
                .that()
                .resideInAPackage(these)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(those)
                .check(godwit);
    }

    /** What a field or a method of a progress gives away is for the report. */
    @Test
    void onlyReportsReadFigures() {
        DescribedPredicate<JavaClass> progress = simpleNameEndingWith("Progress");
        noClasses()
                .that()
                .haveSimpleNameNotEndingWith("Report")
                .and()
                .haveSimpleNameNotEndingWith("Progress")
                .should()
                .accessFieldWhere(describe(
                        "read a figure",
                        access -> access.getAccessType() == AccessType.GET
                                && progress.test(access.getTargetOwner())
                                && !access.getTarget()
                                        .resolveMember()
                                        .orElseThrow()
                                        .getModifiers()
                                        .contains(FINAL)))
                .orShould()
                .callMethodWhere(target(owner(progress)).and(target(not(rawReturnType("void")))))
                .because("those who act write figures, and nobody decides by them")
                .check(godwit);
    }

    /**
     * Whoever waits, starts a thread or reads a clock in the engine does it through {@code Environment}, or a
     * simulation could not take it over. Exceptions deal with the machine itself: how long its calls take, locks of its
     * files, ends of its processes, and a number that differs from one process to the next.
     */
    @Test
    void theEngineKnowsTimeAndThreadsFromItsEnvironmentOnly() {
        noClasses()
                .that()
                .resideInAPackage("io.godwit.engine..")
                .and()
                .resideOutsideOfPackage("io.godwit.engine.environment..")
                .and(not(equivalentTo(WriteProtectTracker.class)))
                .and(not(equivalentTo(FileLockArbiter.class)))
                .and(not(simpleName("Command")))
                .and(not(simpleName("FreePageHints")))
                // The kernel's side of the transports: a simulation has its own.
                .and(not(simpleName("HostAddresses")))
                .and(not(simpleName("SystemTransports")))
                .should()
                .callMethodWhere(describe("look at a clock, wait or start a thread", ArchitectureTest::isOfTheMachine))
                .orShould()
                .callConstructorWhere(target(owner(equivalentTo(Thread.class))))
                .orShould()
                .dependOnClassesThat(describe("make others wait", type -> MACHINE_WAITS.contains(type.getFullName())))
                .because("a simulation decides who runs and how late it is")
                .check(godwit);
    }

    private static final Set<String> MACHINE_WAITS = Stream.of(
                    BlockingQueue.class,
                    CompletableFuture.class,
                    CountDownLatch.class,
                    CyclicBarrier.class,
                    ExecutorService.class,
                    LinkedBlockingQueue.class,
                    LockSupport.class,
                    Semaphore.class,
                    Timer.class)
            .map(Class::getName)
            .collect(toUnmodifiableSet());

    private static boolean isOfTheMachine(JavaMethodCall call) {
        String called =
                call.getTargetOwner().getSimpleName() + "." + call.getTarget().getName();
        return switch (called) {
            case "System.nanoTime",
                    "System.currentTimeMillis",
                    "Thread.ofPlatform",
                    "Thread.ofVirtual",
                    "Thread.startVirtualThread",
                    "Thread.join",
                    "Thread.yield",
                    "Object.wait",
                    "ReentrantLock.newCondition",
                    "ThreadEnd.await",
                    "Scheduling.giveWay",
                    "Scheduling.answersAtOnce" -> true;
            default -> false;
        };
    }

    @Test
    void nothingSleeps() {
        noClasses()
                .should()
                .callMethodWhere(target(owner(JavaClass.Predicates.equivalentTo(Thread.class)))
                        .and(target(name("sleep"))))
                .because("every wait has a deadline or a stop signal")
                .check(godwit);
    }

    private static void mayDependOnlyOn(String of, String... allowed) {
        String[] all = Arrays.copyOf(allowed, allowed.length + 1);
        all[allowed.length] = of;
        classes()
                .that()
                .resideInAPackage(of)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(all)
                .allowEmptyShould(true)
                .check(godwit);
    }
}
