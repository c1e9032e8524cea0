package conformance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The Java client with its default settings against BOLE_STREAMS_BOOTSTRAP; arguments choose families. */
public final class Main {
    private Main() {}

    private static Map<String, Checks.Family> families() {
        Map<String, Checks.Family> families = new LinkedHashMap<>();
        families.put("cluster", Topics::cluster);
        families.put("topics", Topics::topics);
        families.put("configurations", Topics::configurations);
        families.put("deleted-records", Topics::records);
        families.put("access-rules", Topics::accessRules);
        families.put("users", Topics::users);
        families.put("partitions", Records::partitions);
        families.put("acknowledgements", Records::acknowledgements);
        families.put("codecs", Records::codecs);
        families.put("record-parts", Records::parts);
        families.put("sizes", Records::sizes);
        families.put("positions", Records::positions);
        families.put("members", Groups::comeAndGo);
        families.put("static-members", Groups::staticMembers);
        families.put("patterns", Groups::patterns);
        families.put("commits", Groups::commits);
        families.put("group-administration", Groups::administration);
        families.put("commit-and-abort", Transactions::commitAndAbort);
        families.put("consume-transform-produce", Transactions::consumeTransformProduce);
        families.put("fencing", Transactions::fencing);
        families.put("sharing", Shares::sharing);
        families.put("share-acknowledgements", Shares::acknowledgements);
        families.put("word-count", WordCount::run);
        return families;
    }

    public static void main(String[] arguments) {
        System.out.println("# the Java client");
        Checks checks = new Checks();
        families().forEach((name, family) -> {
            if (arguments.length == 0 || List.of(arguments).contains(name)) {
                checks.family(name, family);
            }
        });
        World.ADMIN.close();
        System.exit(checks.finish() ? 0 : 1);
    }
}
