// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.architecture;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Finds the classes of one package that know each other in a circle. A class stands for its file: nested classes count
 * as the class that holds them.
 */
final class ClassCircles {
    private final Map<String, SortedSet<String>> known = new TreeMap<>();
    private final Map<String, Integer> numbers = new HashMap<>();
    private final Map<String, Integer> lowest = new HashMap<>();
    private final Deque<String> open = new ArrayDeque<>();
    private final List<SortedSet<String>> circles = new ArrayList<>();

    private ClassCircles() {}

    /** All circles of two classes or more, each as the full names of its classes. */
    static List<SortedSet<String>> of(JavaClasses classes) {
        ClassCircles search = new ClassCircles();
        for (JavaClass type : classes) {
            search.read(type);
        }
        search.known.keySet().forEach(search::visit);
        return search.circles;
    }

    private void read(JavaClass type) {
        Collection<String> others = known.computeIfAbsent(file(type), _ -> new TreeSet<>());
        for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
            JavaClass target = dependency.getTargetClass().getBaseComponentType();
            if (target.getPackageName().equals(type.getPackageName())) {
                others.add(file(target));
            }
        }
    }

    private static String file(JavaClass type) {
        return type.getEnclosingClass().map(ClassCircles::file).orElse(type.getName());
    }

    /** Tarjan's strongly connected components. */
    private void visit(String type) {
        if (numbers.containsKey(type)) {
            return;
        }
        int number = numbers.size();
        numbers.put(type, number);
        lowest.put(type, number);
        open.push(type);
        for (String other : known.getOrDefault(type, new TreeSet<>())) {
            visit(other);
            if (open.contains(other)) {
                lowest.merge(type, lowest.getOrDefault(other, number), Math::min);
            }
        }
        if (Set.of(number).contains(lowest.getOrDefault(type, number))) {
            close(type);
        }
    }

    private void close(String first) {
        SortedSet<String> circle = new TreeSet<>();
        String next;
        do {
            next = open.pop();
            circle.add(next);
        } while (!next.equals(first));
        if (circle.size() > 1) {
            circles.add(circle);
        }
    }
}
