// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.StoreException;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedReader;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import io.godwit.stream.ConfigurationSection;
import io.godwit.stream.StreamFormatException;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** A snapshot's directory, to bytes and back. */
final class ManifestCodec {
    /** "GODWSNAP". */
    static final long MAGIC = 0x474f4457_534e4150L;

    private static final int FACTS = 1;
    private static final int CONFIGURATION = 2;
    private static final int BLOCKS = 3;
    private static final int DEVICES = 4;
    private static final int VM_DESCRIPTION = 5;
    private static final int COUNTS = 6;
    private static final int PACKS = 7;
    private static final int GROUPS = 8;
    private static final int SHA_BYTES = 32;
    private static final long NO_ADDRESS = -1;
    private static final int MAX_COUNT = 0xffff;

    /** A manifest, and where its page table is. */
    record Decoded(Manifest manifest, GroupList groups) {}

    private ManifestCodec() {}

    static byte[] encode(Manifest manifest, GroupList groups) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            section(out, FACTS, part -> facts(part, manifest.facts()));
            section(
                    out,
                    CONFIGURATION,
                    part -> part.write(ConfigurationSection.encode(manifest.configuration())
                            .toByteArray()));
            section(out, BLOCKS, part -> blocks(part, manifest.blocks()));
            section(out, DEVICES, part -> devices(part, manifest.devices()));
            section(
                    out,
                    VM_DESCRIPTION,
                    part -> part.write(manifest.vmDescription().getBytes(StandardCharsets.UTF_8)));
            section(out, COUNTS, part -> counts(part, manifest.counts()));
            section(out, PACKS, part -> packs(part, manifest.packs()));
            section(out, GROUPS, part -> groups(part, groups));
        } catch (IOException e) {
            throw new IllegalStateException("Memory can be written.", e);
        }
        return bytes.toByteArray();
    }

    @FunctionalInterface
    private interface Part {
        void write(DataOutputStream out) throws IOException;
    }

    private static void section(DataOutputStream out, int kind, Part part) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream content = new DataOutputStream(bytes)) {
            part.write(content);
        }
        out.writeShort(kind);
        out.writeInt(bytes.size());
        bytes.writeTo(out);
    }

    private static void text(DataOutputStream out, String text, int lengthBytes) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= 1 << (8 * lengthBytes)) {
            throw new StoreException("A text of " + bytes.length + " bytes is too long for a snapshot: '"
                    + text.substring(0, Math.min(60, text.length())) + "...'.");
        }
        if (lengthBytes == 1) {
            out.writeByte(bytes.length);
        } else {
            out.writeShort(bytes.length);
        }
        out.write(bytes);
    }

    private static void count(DataOutputStream out, int count) throws IOException {
        if (count > MAX_COUNT) {
            throw new StoreException(
                    "A snapshot has at most " + MAX_COUNT + " facts, blocks or devices, and not " + count + ".");
        }
        out.writeShort(count);
    }

    private static void facts(DataOutputStream out, Map<String, String> facts) throws IOException {
        count(out, facts.size());
        for (Map.Entry<String, String> fact : facts.entrySet()) {
            text(out, fact.getKey(), 1);
            text(out, fact.getValue(), 2);
        }
    }

    private static void blocks(DataOutputStream out, List<SavedBlock> blocks) throws IOException {
        count(out, blocks.size());
        for (SavedBlock block : blocks) {
            text(out, block.idstr(), 1);
            out.writeLong(block.byteLength());
            out.writeLong(block.hostPageBytes());
            out.writeLong(block.guestAddress().orElse(NO_ADDRESS));
        }
    }

    private static void devices(DataOutputStream out, List<SavedDevice> devices) throws IOException {
        count(out, devices.size());
        for (SavedDevice device : devices) {
            text(out, device.idstr(), 1);
            out.writeInt(device.instanceId());
            out.writeInt(device.versionId());
            out.writeInt(device.payload().byteLength());
            out.write(device.payload().toByteArray());
        }
    }

    private static void counts(DataOutputStream out, Manifest.Counts counts) throws IOException {
        out.writeLong(counts.content());
        out.writeLong(counts.zero());
        out.writeLong(counts.absent());
        out.writeLong(counts.newPages());
        out.writeLong(counts.newBytes());
    }

    private static void packs(DataOutputStream out, List<Manifest.UsedPack> packs) throws IOException {
        out.writeInt(packs.size());
        for (Manifest.UsedPack pack : packs) {
            out.writeInt(pack.number());
            out.write(pack.identity().toByteArray());
        }
    }

    private static void groups(DataOutputStream out, GroupList groups) throws IOException {
        for (int i = 0; i < groups.count(); i++) {
            out.writeLong(groups.offset(i));
            out.writeShort(groups.length(i));
            out.writeShort(0);
            out.writeInt(groups.crc(i));
        }
    }

    /**
     * Reads the directory of an open file.
     *
     * @throws io.godwit.store.DamageException if it cannot be what was written
     */
    static Decoded decode(SealedReader file) {
        ByteBuffer in = file.directory();
        try {
            Map<String, String> facts = readFacts(take(in, FACTS, file));
            Configuration configuration = ConfigurationSection.decode(bytes(take(in, CONFIGURATION, file)));
            List<SavedBlock> blocks = readBlocks(take(in, BLOCKS, file));
            List<SavedDevice> devices = readDevices(take(in, DEVICES, file));
            String vmDescription =
                    new String(bytes(take(in, VM_DESCRIPTION, file)).toByteArray(), StandardCharsets.UTF_8);
            ByteBuffer numbers = take(in, COUNTS, file);
            var counts = new Manifest.Counts(
                    numbers.getLong(), numbers.getLong(), numbers.getLong(), numbers.getLong(), numbers.getLong());
            List<Manifest.UsedPack> packs = readPacks(take(in, PACKS, file));
            GroupList groups = readGroups(take(in, GROUPS, file), GroupList.countFor(blocks), file);
            if (in.hasRemaining()) {
                throw file.damage("its directory has " + in.remaining() + " bytes too many");
            }
            return new Decoded(
                    new Manifest(facts, configuration, blocks, devices, vmDescription, counts, packs), groups);
        } catch (BufferUnderflowException | IllegalArgumentException | ArithmeticException e) {
            throw file.damage("its directory ends in the middle of something");
        } catch (StreamFormatException e) {
            throw file.damage("its configuration is none: " + e.getMessage());
        }
    }

    private static ByteBuffer take(ByteBuffer in, int kind, SealedReader file) {
        int found = Short.toUnsignedInt(in.getShort());
        int length = in.getInt();
        if (found != kind || length < 0 || length > in.remaining()) {
            throw file.damage("section " + found + " of its directory, " + Integer.toUnsignedString(length)
                    + " bytes, is where section " + kind + " should be");
        }
        ByteBuffer content = in.slice(in.position(), length);
        in.position(in.position() + length);
        return content;
    }

    private static Bytes bytes(ByteBuffer in) {
        return Bytes.copyOf(in, in.position(), in.remaining());
    }

    private static String text(ByteBuffer in, int lengthBytes) {
        int length = lengthBytes == 1 ? Byte.toUnsignedInt(in.get()) : Short.toUnsignedInt(in.getShort());
        byte[] bytes = new byte[length];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static Map<String, String> readFacts(ByteBuffer in) {
        Map<String, String> facts = new LinkedHashMap<>();
        for (int left = Short.toUnsignedInt(in.getShort()); left > 0; left--) {
            facts.put(text(in, 1), text(in, 2));
        }
        return facts;
    }

    private static List<SavedBlock> readBlocks(ByteBuffer in) {
        List<SavedBlock> blocks = new ArrayList<>();
        for (int left = Short.toUnsignedInt(in.getShort()); left > 0; left--) {
            String idstr = text(in, 1);
            long byteLength = in.getLong();
            long hostPageBytes = in.getLong();
            long address = in.getLong();
            blocks.add(new SavedBlock(
                    idstr,
                    byteLength,
                    hostPageBytes,
                    address == NO_ADDRESS ? OptionalLong.empty() : OptionalLong.of(address)));
        }
        return List.copyOf(blocks);
    }

    private static List<SavedDevice> readDevices(ByteBuffer in) {
        List<SavedDevice> devices = new ArrayList<>();
        for (int left = Short.toUnsignedInt(in.getShort()); left > 0; left--) {
            String idstr = text(in, 1);
            int instanceId = in.getInt();
            int versionId = in.getInt();
            int length = in.getInt();
            if (length < 0 || length > in.remaining()) {
                throw new BufferUnderflowException();
            }
            devices.add(new SavedDevice(idstr, instanceId, versionId, bytes(in.slice(in.position(), length))));
            in.position(in.position() + length);
        }
        return List.copyOf(devices);
    }

    private static List<Manifest.UsedPack> readPacks(ByteBuffer in) {
        List<Manifest.UsedPack> packs = new ArrayList<>();
        for (int left = in.getInt(); left > 0; left--) {
            int number = in.getInt();
            packs.add(new Manifest.UsedPack(number, Bytes.copyOf(in, in.position(), SHA_BYTES)));
            in.position(in.position() + SHA_BYTES);
        }
        return List.copyOf(packs);
    }

    /** The groups follow each other without gaps, so that no byte of the body is unchecked. */
    private static GroupList readGroups(ByteBuffer in, int count, SealedReader file) {
        if (in.remaining() != (long) count * GroupList.ENTRY_BYTES) {
            throw file.damage("its page table has " + in.remaining() / GroupList.ENTRY_BYTES + " groups, not " + count);
        }
        GroupList groups = new GroupList(count);
        long next = SealedForm.HEADER_BYTES;
        for (int i = 0; i < count; i++) {
            long offset = in.getLong();
            int length = Short.toUnsignedInt(in.getShort());
            short unused = in.getShort();
            groups.set(i, offset, length, in.getInt());
            boolean right = length == 0
                    ? offset >>> 1 == 0 && groups.crc(i) == 0
                    : offset == next && length <= TableGroup.MAX_BYTES;
            if (!right || unused != 0) {
                throw file.damage("group " + i + " of its page table is not where it should be");
            }
            next += length;
        }
        if (next != file.directoryOffset()) {
            throw file.damage("its page table ends at byte " + next + ", not where its directory begins");
        }
        return groups;
    }
}
