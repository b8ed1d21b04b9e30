import com.qcloud.cos.COSEncryptionClient;
import com.qcloud.cos.ClientConfig;
import com.qcloud.cos.auth.BasicCOSCredentials;
import com.qcloud.cos.auth.COSStaticCredentialsProvider;
import com.qcloud.cos.http.HttpProtocol;
import com.qcloud.cos.internal.crypto.CryptoConfiguration;
import com.qcloud.cos.internal.crypto.CryptoMode;
import com.qcloud.cos.internal.crypto.CryptoStorageMode;
import com.qcloud.cos.internal.crypto.EncryptionMaterials;
import com.qcloud.cos.internal.crypto.StaticEncryptionMaterialsProvider;
import com.qcloud.cos.model.CompleteMultipartUploadRequest;
import com.qcloud.cos.model.GetObjectRequest;
import com.qcloud.cos.model.InitiateMultipartUploadRequest;
import com.qcloud.cos.model.PartETag;
import com.qcloud.cos.model.PutObjectRequest;
import com.qcloud.cos.model.UploadPartRequest;
import com.qcloud.cos.region.Region;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.crypto.spec.SecretKeySpec;

/**
 * Drives the official SDK's encryption client the way the Java migration tool sets it up.
 *
 * <pre>
 * environment: COS_PORT (the embedded COS, used as HTTP proxy), COS_ID, COS_SECRET, COS_BUCKET,
 *              KEY_PATH, ENCRYPT_IV (may be empty), MODE (a CryptoMode, AesCtrEncryption unless set)
 * words, in groups of three or four, done one after the other:
 *              put KEY FILE | parts KEY FILE PART_SIZE | get KEY FILE
 * </pre>
 */
public final class EncryptedObjects {
    private static final String BUCKET = System.getenv("COS_BUCKET");

    public static void main(String[] words) throws Exception {
        COSEncryptionClient client = client();
        for (int i = 0; i < words.length; i += 3) {
            String key = words[i + 1];
            File file = new File(words[i + 2]);
            switch (words[i]) {
                case "put":
                    client.putObject(new PutObjectRequest(BUCKET, key, file));
                    break;
                case "parts":
                    putInParts(client, key, file, Long.parseLong(words[i + 3]));
                    i++;
                    break;
                case "get":
                    client.getObject(new GetObjectRequest(BUCKET, key), file);
                    break;
                default:
                    throw new IllegalArgumentException(words[i]);
            }
        }
        client.shutdown();
    }

    private static COSEncryptionClient client() throws Exception {
        ClientConfig config = new ClientConfig(new Region("ap-guangzhou"));
        config.setHttpProtocol(HttpProtocol.http);
        config.setHttpProxyIp("127.0.0.1");
        config.setHttpProxyPort(Integer.parseInt(System.getenv("COS_PORT")));
        config.setMaxErrorRetry(0);
        String mode = System.getenv().getOrDefault("MODE", CryptoMode.AesCtrEncryption.name());
        CryptoConfiguration crypto = new CryptoConfiguration(CryptoMode.valueOf(mode))
                .withStorageMode(CryptoStorageMode.ObjectMetadata);
        String iv = System.getenv().getOrDefault("ENCRYPT_IV", "");
        if (!iv.isEmpty()) {
            crypto.setIV(iv.getBytes(StandardCharsets.UTF_8));
        }
        byte[] key = Files.readAllBytes(Path.of(System.getenv("KEY_PATH")));
        return new COSEncryptionClient(
                new COSStaticCredentialsProvider(new BasicCOSCredentials(
                        System.getenv("COS_ID"), System.getenv("COS_SECRET"))),
                new StaticEncryptionMaterialsProvider(
                        new EncryptionMaterials(new SecretKeySpec(key, "AES"))),
                config, crypto);
    }

    private static void putInParts(COSEncryptionClient client, String key, File file, long partSize) {
        InitiateMultipartUploadRequest begin = new InitiateMultipartUploadRequest(BUCKET, key);
        begin.setDataSizePartSize(file.length(), partSize);
        String uploadId = client.initiateMultipartUpload(begin).getUploadId();
        List<PartETag> parts = new ArrayList<>();
        for (long offset = 0; offset < file.length(); offset += partSize) {
            boolean last = offset + partSize >= file.length();
            UploadPartRequest part = new UploadPartRequest()
                    .withBucketName(BUCKET).withKey(key).withUploadId(uploadId)
                    .withPartNumber(parts.size() + 1).withFile(file).withFileOffset(offset)
                    .withPartSize(Math.min(partSize, file.length() - offset)).withLastPart(last);
            parts.add(client.uploadPart(part).getPartETag());
        }
        client.completeMultipartUpload(
                new CompleteMultipartUploadRequest(BUCKET, key, uploadId, parts));
    }

    private EncryptedObjects() {}
}
