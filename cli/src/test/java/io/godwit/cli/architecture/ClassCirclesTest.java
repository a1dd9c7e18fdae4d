// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Classes of one package do not know each other in a circle, so that each can be read by itself. */
class ClassCirclesTest {
    /** Circles that stay, by the simple names of their classes, each with its reason. */
    private static final Map<String, String> ALLOWED = Map.of(
            "VmStateDescription VmStateField", "a description has fields, and a field may be of a described type",
            "Arrival Guest", "a guest is what can arrive, and what has arrived may be a guest",
            "Environment SystemEnvironment", "the face names the one environment that is real",
            "LibvirtClient QmpClient QmpSocketClient", "the face names the two ways to connect",
            "LaunchedQemu LaunchedQemus", "one enters the list of those that end with this process before it starts",
            "SimulatedHost SimulatedWorld", "a host belongs to a world, and lives on what the world has");

    @Test
    void noClassesOfAPackageKnowEachOtherInACircle() {
        List<Path> directories = SourceTree.MODULES.stream()
                .map(module -> SourceTree.root().resolve(module).resolve("target/classes"))
                .toList();
        List<String> circles = ClassCircles.of(new ClassFileImporter().importPaths(directories)).stream()
                .map(circle -> circle.stream()
                        .map(name -> name.substring(name.lastIndexOf('.') + 1))
                        .collect(Collectors.joining(" ")))
                .toList();
        assertThat(circles).as("circles").isSubsetOf(ALLOWED.keySet());
    }

    static final class Left {
        void know(CircleExample other) {
            other.know(this);
        }
    }

    static final class CircleExample {
        void know(Left other) {
            other.know(this);
        }
    }

    @Test
    void nestedClassesAreSeenAsTheirFile() {
        assertThat(ClassCircles.of(
                        new ClassFileImporter().importClasses(ClassCirclesTest.class, Left.class, CircleExample.class)))
                .isEmpty();
    }
}
