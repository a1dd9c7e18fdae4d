// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.TypeConversionException;
import tools.jackson.databind.node.ObjectNode;

class CommandLineTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(arguments);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                                              | Say what to do
            fly                                             | no such command: 'fly'
            fly --help                                      | no such command: 'fly'
            --help fly                                      | no such command: 'fly'
            capture --qmp unix:/x                           | Missing required parameter: 'STORE/NAME'
            capture --qmp unix:/x --pause --quit s/n        | are mutually exclusive
            migrate --qmp unix:/x --patience 0 tcp:h:1      | --patience is 1 to 604800 seconds
            demo --speed 9                                  | Unknown option
            demo --memory 5Q                                | is no size like
            demo --guest xen                                | Invalid value for option '--guest'
            host --tracking guess --qmp tcp:h:1             | Invalid value for option '--tracking'
            demo --transport pigeon                         | Invalid value for option '--transport'
            demo --program fly | expected one of [idle, dirtier, stepper, ballooner, service] but was 'fly'
            host                                            | Missing required option: '--qmp=ADDRESS'
            demo --mode backwards                           | Invalid value for option '--mode'
            demo --cut                                      | --cut needs --mode postcopy or --mode hybrid
            migrate --qmp unix:/x                           | Missing required parameter: 'URI'
            migrate --qmp unix:/x --recover -r tcp:h:1      | --recover tells the destination
            migrate --qmp unix:/x --resume --postcopy tcp:h:1 | --resume goes on as the migration began
            migrate --qmp unix:/x --postcopy-after-passes x tcp:h:1 | Invalid value for option '--postcopy-after-passes'
            restore --max-bandwidth 10Q s/n -- qemu         | is no size like
            restore -- qemu -nodefaults                     | Say STORE/NAME before '--'
            inspect                                         | Missing required parameter: 'STREAM'
            doctor                                          | Missing required option: '--qmp=ADDRESS'
            doctor --qmp unix:/x --watch 61                 | --watch is 0 to 60 seconds
            """)
    void whatIsNotUnderstoodIsSaidInOneLineWithStatus2(String words, String sentence) {
        int status = words.isEmpty() ? run() : run(words.split(" ", -1));
        assertThat(status).isEqualTo(2);
        assertThat(err.toString()).contains(sentence).contains("--help").hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            demo --memory 3M                                | guest memory is a multiple of 2 MiB
            demo --huge-pages 4M                            | guest memory has pages of 4 KiB or of 2 MiB
            demo --huge-pages 4K                            | huge pages have 2 MiB, not 4 KiB
            host --qmp unix:/nowhere/x --huge-pages 2M --memory 200G | needs 102400 pages of 2 MiB
            host --guest memory --qmp tcp:127.0.0.1:0 --tracking rings | --tracking rings is a way of KVM's, and this \
            guest is of kind memory
            demo --guest memory --tracking log               | --tracking log is a way of KVM's
            demo --report /nowhere/x                        | The report cannot be written to /nowhere/x
            migrate --qmp unix:/x --report / tcp:h:1        | The report cannot be written to /:
            demo --cpus 0                                   | a guest has 1 to 64 vCPUs
            host --guest memory --qmp nowhere               | neither unix:PATH nor tcp:HOST:PORT
            host --guest memory --memory 4M --qmp tcp:127.0.0.1:0 --incoming file:/dev/null | file:/dev/null
            host --guest memory --memory 4M --qmp tcp:127.0.0.1:0 --cap postcopy-rom        | There is no capability
            host --guest memory --memory 4M --qmp tcp:127.0.0.1:0 --cap postcopy-preempt    | requires
            migrate --qmp unix:/nowhere/x tcp:127.0.0.1:1   | cannot connect
            relay tcp:127.0.0.1:0 file:/x                   | A relay needs tcp:HOST:PORT or unix:PATH on both sides
            relay unix:/nowhere/x tcp:h:1                   | The relay cannot listen at unix:/nowhere/x
            inspect /nowhere/x                              | There is no file /nowhere/x.
            capture --qmp unix:/nowhere/x /nowhere/..       | is no name of a snapshot
            capture --qmp unix:/nowhere/x /nowhere/a        | cannot connect
            """)
    void whatCannotBeDoneIsSaidInOneSentenceWithStatus1(String words, String sentence) {
        assertThat(run(words.split(" ", -1))).isEqualTo(1);
        assertThat(err.toString()).contains(sentence).hasLineCount(1).doesNotContain("Exception");
    }

    @Test
    void debugAddsTheStackTrace() {
        assertThat(run("inspect", "--debug", "/nowhere/x")).isEqualTo(1);
        assertThat(err.toString()).contains("NoSuchFileException").contains("\tat ");
    }

    @Test
    void aFileThatIsNoStreamIsSaidToBeNone(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("notes"), "this is no migration stream");
        assertThat(run("inspect", "--json", file.toString())).isEqualTo(1);
        assertThat(Json.parse(out.toString()).path("complete").asBoolean(true)).isFalse();
        assertThat(err.toString()).contains("is not a whole stream").contains("Not a migration stream");
    }

    @Test
    void helpIsNoError() {
        assertThat(run("demo", "--help")).isZero();
        assertThat(out.toString())
                .contains("--working-set")
                .contains("--report")
                .contains("--mode");
    }

    @Test
    void theHelpOfMigrateSaysHowToGoOnWithAPausedPostcopy() {
        assertThat(run("migrate", "--help")).isZero();
        assertThat(out.toString())
                .contains("godwit migrate --recover --qmp DESTINATION-QMP URI")
                .contains("godwit migrate --resume --qmp SOURCE-QMP URI")
                .contains("--postcopy-after-passes", "--preempt", "--destination");
    }

    @Test
    void sizesAreReadAndWritten() {
        assertThat(ByteSize.parse("4096")).isEqualTo(4096);
        assertThat(ByteSize.parse("512M")).isEqualTo(512L << 20);
        assertThat(ByteSize.parse("1g")).isEqualTo(1L << 30);
        assertThatThrownBy(() -> ByteSize.parse("9999999999G")).isInstanceOf(TypeConversionException.class);
        assertThatThrownBy(() -> ByteSize.parse("")).isInstanceOf(TypeConversionException.class);
        assertThatThrownBy(() -> ByteSize.parse("-1")).isInstanceOf(TypeConversionException.class);
        assertThat(ByteSize.binary(512L << 20)).isEqualTo("512 MiB");
        assertThat(ByteSize.binary(3L << 29)).isEqualTo("1.5 GiB");
        assertThat(ByteSize.decimal(812_000_000)).isEqualTo("812 MB");
    }

    @Test
    void settingsHaveTheTypesOfQmp() {
        ObjectNode arguments = Json.object();
        Settings.put(arguments, "max-bandwidth", "200M");
        Settings.put(arguments, "downtime-limit", "50");
        Settings.put(arguments, "direct-io", "on");
        Settings.put(arguments, "tls-hostname", "example.org");
        assertThat(Json.parse(Json.write(arguments)))
                .isEqualTo(Json.parse("{\"max-bandwidth\":209715200,\"downtime-limit\":50,\"direct-io\":true,"
                        + "\"tls-hostname\":\"example.org\"}"));
    }
}
