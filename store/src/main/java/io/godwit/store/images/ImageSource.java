// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.StoreException;
import io.godwit.store.objects.StoreFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A file that has a guest, unwrapped: libvirt's header is skipped, compression undone. A file that is not compressed
 * can be read anywhere. One thread.
 */
public final class ImageSource implements AutoCloseable {
    /** LIMIT: a longer XML is not kept with the snapshot. */
    private static final int MAX_FACT_BYTES = 60_000;

    private final String name;
    private final Map<String, String> facts = new LinkedHashMap<>();
    private final Optional<FileChannel> file;
    private final ReadableByteChannel bytes;
    private final long base;

    private ImageSource(Optional<Path> path, long offset, InputStream standardInput) throws IOException {
        name = path.map(Path::toString).orElse("standard input");
        facts.put("source", name);
        if (path.isPresent()) {
            FileChannel channel = FileChannel.open(path.get());
            long begin = skipLibvirt(channel, offset);
            Optional<Wrapping> wrapping = Wrapping.of(head(channel, begin));
            if (wrapping.isPresent()) {
                bytes = Channels.newChannel(unwrap(wrapping.get(), path.get(), channel, begin));
                file = Optional.empty();
                base = 0;
            } else {
                FileChannel _ = channel.position(begin);
                bytes = channel;
                file = Optional.of(channel);
                base = begin;
            }
        } else {
            standardInput.skipNBytes(offset);
            var in = new PushbackInputStream(standardInput, Wrapping.HEAD_BYTES);
            byte[] head = in.readNBytes(Wrapping.HEAD_BYTES);
            in.unread(head);
            Optional<Wrapping> wrapping = Wrapping.of(head);
            bytes = Channels.newChannel(wrapping.isPresent() ? unwrapInput(wrapping.get(), in) : in);
            file = Optional.empty();
            base = 0;
        }
    }

    /**
     * Opens a file.
     *
     * @param offset of the stream's first byte, or of that of what it is wrapped in
     * @throws StoreException if it cannot be read
     */
    public static ImageSource open(Path path, long offset) {
        try {
            return new ImageSource(Optional.of(path), offset, InputStream.nullInputStream());
        } catch (NoSuchFileException e) {
            throw new StoreException("There is no file " + path + ".", e);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be read", e);
        }
    }

    /** Takes what comes on standard input. */
    public static ImageSource of(InputStream standardInput, long offset) {
        try {
            return new ImageSource(Optional.empty(), offset, standardInput);
        } catch (IOException e) {
            throw StoreFiles.failure("Standard input cannot be read", e);
        }
    }

    private static byte[] head(FileChannel channel, long at) throws IOException {
        return bytes(channel, at, Wrapping.HEAD_BYTES);
    }

    /** Up to {@code length} bytes. */
    private static byte[] bytes(FileChannel channel, long at, int length) throws IOException {
        ByteBuffer into = ByteBuffer.allocate(length);
        while (into.hasRemaining() && channel.read(into, at + into.position()) >= 0) {
            // A read may give less than was asked for.
        }
        return Arrays.copyOf(into.array(), into.position());
    }

    private long skipLibvirt(FileChannel channel, long at) throws IOException {
        Optional<Wrapping> wrapping = Wrapping.of(head(channel, at));
        if (wrapping.equals(Optional.of(Wrapping.LIBVIRT_UNFINISHED))) {
            throw new StoreException(name + " is a libvirt save image that was never finished.");
        }
        if (!wrapping.equals(Optional.of(Wrapping.LIBVIRT))) {
            return at;
        }
        byte[] header = bytes(channel, at, LibvirtHeader.BYTES);
        if (header.length < LibvirtHeader.BYTES) {
            throw new StoreException(name + " is a libvirt save image and ends in its header.");
        }
        LibvirtHeader libvirt = LibvirtHeader.of(header, name);
        byte[] data = bytes(channel, at + LibvirtHeader.BYTES, (int) libvirt.dataBytes());
        facts.put("saved-by", "libvirt");
        if (data.length <= MAX_FACT_BYTES) {
            facts.put("libvirt-xml", LibvirtHeader.xml(data));
        }
        return at + LibvirtHeader.BYTES + libvirt.dataBytes();
    }

    private InputStream unwrap(Wrapping wrapping, Path path, FileChannel channel, long begin) throws IOException {
        requireCompression(wrapping);
        if (wrapping.needsProgram()) {
            channel.close();
            return Decompression.byProgram(wrapping, path, begin);
        }
        return Decompression.within(wrapping, Channels.newInputStream(channel.position(begin)));
    }

    private InputStream unwrapInput(Wrapping wrapping, InputStream in) throws IOException {
        requireCompression(wrapping);
        if (wrapping.needsProgram()) {
            throw new StoreException("What comes on standard input is compressed; decompress it there: "
                    + String.join(" ", wrapping.command()) + " FILE | godwit store import - STORE/NAME.");
        }
        return Decompression.within(wrapping, in);
    }

    private void requireCompression(Wrapping wrapping) {
        if (wrapping == Wrapping.LIBVIRT || wrapping == Wrapping.LIBVIRT_UNFINISHED) {
            throw new StoreException(name + " is a libvirt save image, which must be a plain file to be read.");
        }
    }

    /** Its name, for sentences. */
    public String name() {
        return name;
    }

    /** What is known of it. */
    public Map<String, String> facts() {
        return facts;
    }

    /** The file, if it can be read anywhere; it stands at the stream's first byte. */
    public Optional<FileChannel> file() {
        return file;
    }

    /** Where in the file the stream begins. */
    long base() {
        return base;
    }

    /** The stream's bytes, unwrapped. */
    public ReadableByteChannel bytes() {
        return bytes;
    }

    /** Reads on; less than 0 at the end. */
    int read(ByteBuffer into) throws IOException {
        return bytes.read(into);
    }

    @Override
    public void close() {
        try {
            bytes.close();
        } catch (IOException _) {
            // Nothing was written to it.
        }
    }
}
