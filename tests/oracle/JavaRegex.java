import java.nio.file.*;
import java.util.*;
import java.util.regex.*;

/**
 * What java.util.regex says of each expression in regex_cases.txt, and of some hundred generated ones, on a pool of texts. From the
 * root of the repository, with Java 17 (whose rules for \b differ from those of Java 19 and later):
 *
 *   java tests/oracle/JavaRegex.java > crates/quality/src/pattern/java17.jsonl
 *
 * The first line is the pool. Each other line is an expression `p`, texts of its own `t`, and its verdicts `v` on these and then on
 * the pool: 2 the whole text matches, 1 a part of it, 0 none; `e` for an expression that Java refuses.
 */
public class JavaRegex {
    static final String[] POOL = {
        "", "a", "ab", "abc", "aab", "ABC", "b", "1", "12 a", " ", "a\n", "\n", "a\nb", "a\r\n", "b\r\na\r\n", "a b", "a.b", "a-b",
        "\u00e9", "\u0661", "\uac00\ub098", "\uac00 a", "\ud83d\ude00", "_", "x", "aaaa", "\u2028a", "cba", "[a]", "\\",
    };
    static final String[] ATOMS = {
        "a", "b", "c", "1", ".", "\\d", "\\w", "\\s", "[a-c]", "[^b]", "[ab&&[bc]]", "\\b", "\\B", "^", "$", "(?=a)", "(?!b)", "(?<=a)",
        "(?<!b)", "\\Z", "\\z", "\\A", "\\p{L}", "\\W", "\\S", "\\D", "\\h", "\\R", "\\n", "\uac00", "\\x61", "[\\w&&[^\\d]]", "(?i)",
        "(?m)", "(?s)", "(?U)", "\\Qa.\\E", "\\p{IsHangul}", "[^\\s]",
    };
    static final String[] QUANTIFIERS = { "", "", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?", "??", "*+", "++", "?+" };

    public static void main(String[] args) throws Exception {
        System.out.println(list(Arrays.asList(POOL)));
        for (String line : Files.readAllLines(Path.of("tests/oracle/regex_cases.txt"))) {
            if (line.startsWith("#") || line.isEmpty()) continue;
            String[] parts = line.split("\t", -1);
            List<String> own = new ArrayList<>();
            for (int i = 1; i < parts.length; i++) own.add(parts[i].equals("<>") ? "" : characters(parts[i]));
            judge(characters(parts[0]), own);
        }
        Random random = new Random(17);
        for (int i = 0; i < 600; i++) judge(generated(random, 3), List.of());
    }

    static String generated(Random random, int depth) {
        StringBuilder out = new StringBuilder();
        int atoms = 1 + random.nextInt(3);
        for (int i = 0; i < atoms; i++) {
            String atom = ATOMS[random.nextInt(ATOMS.length)];
            int kind = random.nextInt(8);
            if (depth > 0 && kind == 0) atom = "(" + generated(random, depth - 1) + ")";
            if (depth > 0 && kind == 1) atom = "(?:" + generated(random, depth - 1) + "|" + generated(random, depth - 1) + ")";
            out.append(atom);
            if (!atom.startsWith("(?") || atom.startsWith("(?:")) out.append(QUANTIFIERS[random.nextInt(QUANTIFIERS.length)]);
        }
        return out.toString();
    }

    static void judge(String regex, List<String> own) {
        StringBuilder verdicts = new StringBuilder();
        try {
            Pattern pattern = Pattern.compile(regex);
            for (String text : own) verdicts.append(verdict(pattern, text));
            for (String text : POOL) verdicts.append(verdict(pattern, text));
        } catch (PatternSyntaxException refused) {
            verdicts = new StringBuilder("e");
        }
        System.out.println("{\"p\":" + json(regex) + ",\"t\":" + list(own) + ",\"v\":\"" + verdicts + "\"}");
    }

    static char verdict(Pattern pattern, String text) {
        if (pattern.matcher(text).matches()) return '2';
        return pattern.matcher(text).find() ? '1' : '0';
    }

    static String characters(String text) {
        return Pattern.compile("<U\\+([0-9A-F]+)>").matcher(text)
            .replaceAll(m -> Matcher.quoteReplacement(Character.toString(Integer.parseInt(m.group(1), 16))));
    }

    static String list(List<String> texts) {
        StringJoiner out = new StringJoiner(",", "[", "]");
        for (String text : texts) out.add(json(text));
        return out.toString();
    }

    static String json(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < 32 || c > 126) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
