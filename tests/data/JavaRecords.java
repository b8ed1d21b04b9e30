// Asks the classes of the Java tool which database a job has, and what it records of objects.
//
//     java -cp <its classes> JavaRecords.java CONFIG_INI OBJECTS
//
// OBJECTS has one object a line: key (or URL), size, etag, last modified in milliseconds since
// 1970, storage class (as listings tell it), separated by tabs. Prints one JSON document.
// Run by make_java_data.py.

import com.google.gson.GsonBuilder;
import com.qcloud.cos.model.StorageClass;
import com.qcloud.cos_migrate_tool.app.App;
import com.qcloud.cos_migrate_tool.config.CommonConfig;
import com.qcloud.cos_migrate_tool.config.ConfigParser;
import com.qcloud.cos_migrate_tool.config.CopyBucketConfig;
import com.qcloud.cos_migrate_tool.config.CopyFromLocalConfig;
import com.qcloud.cos_migrate_tool.config.MigrateType;
import com.qcloud.cos_migrate_tool.record.MigrateCompetitorRecordElement;
import com.qcloud.cos_migrate_tool.record.MigrateCopyBucketRecordElement;
import com.qcloud.cos_migrate_tool.record.MigrateLocalRecordElement;
import com.qcloud.cos_migrate_tool.record.MigrateUrllistRecordElement;
import com.qcloud.cos_migrate_tool.record.RecordElement;
import com.qcloud.cos_migrate_tool.utils.HeadAttr;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class JavaRecords {
    static CommonConfig config;
    static MigrateType type;

    public static void main(String[] words) throws Exception {
        ConfigParser.setConfigFilePath(words[0]);
        if (!ConfigParser.instance.parse()) {
            System.exit(1);
        }
        config = ConfigParser.instance.getConfig();
        type = ConfigParser.instance.getMigrateType();
        List<Map<String, String>> objects = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(words[1]))) {
            objects.add(record(line.split("\t", -1)));
        }
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("folder", folder());
        found.put("objects", objects);
        String text = new GsonBuilder().disableHtmlEscaping().create().toJson(found);
        System.out.println("\n" + text);
        System.exit(0); // its pools of threads live on
    }

    static String folder() throws Exception {
        Method build = App.class.getDeclaredMethod("buildTaskExecutor", CommonConfig.class);
        build.setAccessible(true);
        return (String) call(build.invoke(null, config), "buildTaskDbFolderPath");
    }

    static Map<String, String> record(String[] object) throws Exception {
        String key = object[0];
        long size = Long.parseLong(object[1]);
        String etag = object[2];
        long modified = Long.parseLong(object[3]);
        String bucket = config.getBucketName();
        String path;
        RecordElement element;
        switch (type) {
            case MIGRATE_FROM_LOCAL:
                String root = ((CopyFromLocalConfig) config).getLocalPath();
                path = config.getCosPath() + key;
                element = new MigrateLocalRecordElement(bucket, root + key, path, modified, size);
                break;
            case MIGRATE_FROM_COS_BUCKET_COPY:
                CopyBucketConfig copy = (CopyBucketConfig) config;
                path = config.getCosPath() + key.substring(copy.getSrcCosPath().lastIndexOf("/"));
                String spelt = StorageClass.fromValue(object[4]).toString();
                element = new MigrateCopyBucketRecordElement(config.getRegion(), bucket, path,
                        copy.getSrcRegion(), copy.getSrcBucket(), key, size, etag, spelt);
                break;
            case MIGRATE_FROM_URLLIST:
                path = cosPath("Urllist", key, new URL(key).getPath());
                HeadAttr head = new HeadAttr();
                head.fileSize = size;
                head.lastModify = etag;
                element = new MigrateUrllistRecordElement(type, bucket, path, key, head);
                break;
            default:
                String name = type.toString().substring("migrate".length());
                path = cosPath(name, null, key);
                if (type == MigrateType.MIGRATE_FROM_UPYUN) {
                    etag = new Date(modified).toString();
                }
                element = new MigrateCompetitorRecordElement(type, bucket, path, etag, size);
        }
        Map<String, String> found = new LinkedHashMap<>();
        found.put("cosPath", path);
        found.put("recordKey", element.buildKey());
        found.put("recordValue", element.buildValue());
        return found;
    }

    /** Has a task of the tool say where an object goes. */
    static String cosPath(String name, String url, String key) throws Exception {
        String task = "com.qcloud.cos_migrate_tool.task.Migrate" + name + "Task";
        Constructor<?> made = Class.forName(task).getConstructors()[0];
        Object[] values = new Object[made.getParameterCount()];
        boolean urlGiven = url == null;
        for (int i = 0; i < values.length; i++) {
            Class<?> kind = made.getParameterTypes()[i];
            if (kind.isInstance(config)) {
                values[i] = config;
            } else if (kind == long.class) {
                values[i] = 0L;
            } else if (kind == String.class) {
                values[i] = urlGiven ? key : url;
                key = urlGiven ? "" : key;
                urlGiven = true;
            }
        }
        return (String) call(made.newInstance(values), "buildCOSPath");
    }

    static Object call(Object object, String name) throws Exception {
        Method method = object.getClass().getDeclaredMethod(name);
        method.setAccessible(true);
        return method.invoke(object);
    }
}
