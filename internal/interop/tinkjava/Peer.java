import com.google.crypto.tink.InsecureSecretKeyAccess;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.RegistryConfiguration;
import com.google.crypto.tink.StreamingAead;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.streamingaead.StreamingAeadConfig;
import com.google.gson.Gson;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

/**
 * Seals and opens files with tink-java. It reads a JSON array of jobs from standard input:
 *
 * <pre>[{"op": "seal" | "open" | "seek", "keyset": path, "ad": base64, "in": path, "out": path}, …]</pre>
 *
 * "open" reads the stream in order; "seek" reads it through the seekable channel, from its last piece to its first. The
 * program ends with status 1 at the first job that fails, and says which.
 */
public final class Peer {
  static final class Job {
    String op;
    String keyset;
    String ad;
    String in;
    String out;
  }

  public static void main(String[] args) throws Exception {
    StreamingAeadConfig.register();
    Job[] jobs = new Gson().fromJson(new InputStreamReader(System.in, StandardCharsets.UTF_8), Job[].class);
    for (Job job : jobs) {
      try {
        run(job);
      } catch (Exception e) {
        System.err.println(job.op + " " + job.in + ": " + e);
        System.exit(1);
      }
    }
  }

  static void run(Job job) throws Exception {
    KeysetHandle handle =
        TinkJsonProtoKeysetFormat.parseKeyset(Files.readString(Path.of(job.keyset)), InsecureSecretKeyAccess.get());
    StreamingAead aead = handle.getPrimitive(RegistryConfiguration.get(), StreamingAead.class);
    byte[] ad = Base64.getDecoder().decode(job.ad);
    Path in = Path.of(job.in);
    switch (job.op) {
      case "seal":
        try (OutputStream out = aead.newEncryptingStream(Files.newOutputStream(Path.of(job.out)), ad)) {
          Files.copy(in, out);
        }
        return;
      case "open":
        try (InputStream plain = aead.newDecryptingStream(Files.newInputStream(in), ad);
            OutputStream out = Files.newOutputStream(Path.of(job.out))) {
          plain.transferTo(out);
        }
        return;
      case "seek":
        Files.write(Path.of(job.out), seek(aead, in, ad));
        return;
      default:
        throw new IllegalArgumentException("unknown operation");
    }
  }

  static byte[] seek(StreamingAead aead, Path in, byte[] ad) throws Exception {
    try (SeekableByteChannel plain = aead.newSeekableDecryptingChannel(FileChannel.open(in), ad)) {
      plain.read(ByteBuffer.allocate(1)); // before a byte was read there is no size, so an empty file cannot be read here
      int size = (int) plain.size();
      int piece = size / 3 + 1;
      byte[] all = new byte[size];
      for (int start = (size / piece) * piece; start >= 0; start -= piece) {
        ByteBuffer b = ByteBuffer.wrap(all, start, Math.min(piece, size - start));
        plain.position(start);
        while (b.hasRemaining()) {
          if (plain.read(b) < 0) {
            throw new IllegalStateException("ends at " + plain.position());
          }
        }
      }
      return all;
    }
  }
}
