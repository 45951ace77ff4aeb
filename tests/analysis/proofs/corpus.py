"""Chains that people make, and what is asked of them: each question with its answer.

`yes`, `never`, or `open`: honest answers that something stood in the way. Blocks are lists: capabilities first, then
caveats behind `if`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Chain(NamedTuple):
    """Blocks, and questions with their answers."""

    blocks: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    questions: tuple[tuple[str, str], ...]


def block(*can: str, caveats: tuple[str, ...] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One block."""
    return can, caveats


CHAINS: Final[dict[str, Chain]] = {
    "payments": Chain(
        (block("pay(amount, currency, to) if args.amount <= 500 && args.currency == 'EUR'", "files.read /reports/**"),),
        (
            ('action == "pay" && args.amount > 500', "never"),
            ('action == "pay" && args.amount > 499', "yes"),
            ('action == "pay" && args.amount < 0', "yes"),
            ('action == "pay" && args.currency != "EUR"', "never"),
            ('action == "pay" && !has(args.currency)', "never"),
            ('action == "pay" && has(args.note)', "never"),
            ('action == "pay" && resource != null', "never"),
            ('action.startsWith("pay") && action != "pay"', "never"),
            ('has(args.amount) && args.amount == "500"', "yes"),
            ('action == "pay" && args.amount == "500"', "never"),
            ('action == "pay" && args.to in ["eve", "mallory"]', "yes"),
            ('action == "pay" && args.amount == 0.5', "yes"),
            ('action == "pay" && args.amount > 499.5 && args.amount < 500', "yes"),
        ),
    ),
    "reports": Chain(
        (block("files.read /reports/**", "files.list /reports/**"), block("files.read /reports/2026/**")),
        (
            ('!path.within(resource, "/reports")', "never"),
            ('path.within(resource, "/reports/2025")', "never"),
            ('resource == "/reports/2026/q3.csv"', "yes"),
            ('resource.contains("..")', "yes"),
            ('resource.contains("/../")', "never"),
            ('resource.startsWith("/reports/2026")', "yes"),
            ('resource == "/reports/20260"', "never"),
            ('action == "files.list"', "never"),
            ('action == "files.write"', "never"),
            ("resource == null", "never"),
            ('resource.contains("%2F")', "never"),
            ('resource.contains("//")', "never"),
            ('resource.endsWith("/")', "yes"),
            ('resource.contains("\\\\")', "never"),
            ("size(resource) > 300", "yes"),
            ('resource.matches("[.]env$")', "yes"),
        ),
    ),
    "hidden files": Chain(
        (
            block(
                "fs.read /home/alice/**",
                caveats=("!glob.match(resource, '**/.*/**')", "!glob.match(resource, '**/.*')"),
            ),
        ),
        (
            ('resource == "/home/alice/.ssh/id_rsa"', "never"),
            ('resource.contains("/.ssh/")', "never"),
            ('resource.endsWith("/.env")', "never"),
            ('resource.endsWith("id_rsa")', "yes"),
            ('resource.contains(".ssh")', "yes"),
            ('path.within(resource, "/home/bob")', "never"),
        ),
    ),
    "mail": Chain(
        (
            block("mail.send(to, cc, subject, body)"),
            block("mail.send if args.to.all(x, x.endsWith('@example.com')) && !has(args.cc)"),
        ),
        (
            ('args.to.exists(x, !x.endsWith("@example.com"))', "never"),
            ('args.to.exists(x, x == "eve@evil.com")', "never"),
            ('args.to.exists(x, x == "bob@example.com")', "yes"),
            ('"bob@example.com" in args.to', "yes"),
            ('"eve@evil.com" in args.to', "never"),
            ("args.to == []", "yes"),
            ("size(args.to) == 0", "yes"),
            ("size(args.to) > 10", "yes"),
            ("has(args.cc)", "never"),
            ("has(args.bcc)", "never"),
            ('args.to.exists(x, x.contains("evil.com"))', "yes"),
            ('args.to[0] == "eve@evil.com"', "never"),
            ('args.to.all(x, x.startsWith("a"))', "yes"),
            ('action == "mail.delete"', "never"),
        ),
    ),
    "web fetch": Chain(
        (
            block(
                "http.get",
                caveats=(
                    "url.host(args.url) in ['api.example.com', 'docs.example.com']",
                    "url.scheme(args.url) == 'https'",
                ),
            ),
        ),
        (
            ('url.host(args.url) == "evil.com"', "never"),
            ('args.url.startsWith("http:")', "never"),
            ('args.url.startsWith("https://api.example.com.evil.com")', "never"),
            ('args.url.startsWith("https://api.example.com@evil.com")', "never"),
            ('args.url.startsWith("https://user@")', "never"),
            ('args.url == "https://api.example.com/v1/items"', "yes"),
            ('args.url.contains("evil.com")', "yes"),
            ('args.url.startsWith("https://API.EXAMPLE.COM")', "yes"),
            ('args.url.contains(":8080")', "yes"),
            ('args.url.startsWith("https://10.0.0.1")', "never"),
            ('args.url.contains(" ")', "never"),
            ('url.scheme(args.url) == "ftp"', "never"),
        ),
    ),
    "subdomains": Chain(
        (
            block(
                "http.*",
                caveats=("url.host(args.url).endsWith('.corp.example') || url.host(args.url) == 'corp.example'",),
            ),
        ),
        (
            ('url.host(args.url) == "evilcorp.example"', "never"),
            ('url.host(args.url) == "a.b.corp.example"', "yes"),
            ('args.url == "https://corp.example.evil.com/"', "never"),
            ('args.url.startsWith("https://corp.example/")', "yes"),
            ('args.url.startsWith("https://127.0.0.1/")', "never"),
            ('args.url.startsWith("https://127.0.0.1")', "yes"),
            ('args.url.startsWith("file://")', "yes"),
            ('action == "http.delete"', "yes"),
            ('action == "https.get"', "never"),
        ),
    ),
    "regex urls": Chain(
        (block("http.get if args.url.matches('^https://[a-z0-9-]+[.]example[.]com(/.*)?$')"),),
        (
            ('args.url.startsWith("https://evil.com/")', "never"),
            ('args.url.contains("evil.com")', "yes"),
            ('url.host(args.url) == "evil.com"', "never"),
            ('args.url.contains("\\n")', "never"),
            ('args.url == "https://x.example.com/"', "yes"),
            ('!args.url.startsWith("https://")', "never"),
            ('args.url.endsWith("example.com")', "yes"),
        ),
    ),
    "unanchored regex": Chain(
        (block("http.get if args.url.matches('https://example[.]com')"),),
        (
            ('url.host(args.url) == "evil.com"', "yes"),
            ('args.url == "https://example.com.evil.com/"', "yes"),
            ('!args.url.contains("example.com")', "never"),
        ),
    ),
    "addresses": Chain(
        (block("net.connect(ip, port) if net.within(args.ip, '10.0.0.0/8') && args.port in [80, 443]"),),
        (
            ('args.ip == "192.168.0.1"', "never"),
            ('args.ip == "10.1.2.3"', "yes"),
            ('args.ip.startsWith("11.")', "never"),
            ('args.ip == "localhost"', "never"),
            ("args.port == 22", "never"),
            ("args.port == 443", "yes"),
            ('args.port == "443"', "never"),
            ('args.ip == "010.0.0.1"', "never"),
            ('net.within(args.ip, "10.1.0.0/16")', "yes"),
        ),
    ),
    "no private networks": Chain(
        (block("net.connect if !net.within(args.ip, '10.0.0.0/8') && !net.within(args.ip, '169.254.0.0/16')"),),
        (
            ('args.ip == "10.0.0.5"', "never"),
            ('args.ip == "169.254.169.254"', "never"),
            ('args.ip == "8.8.8.8"', "yes"),
            ('args.ip == "not an address"', "never"),
            ('args.ip.startsWith("169.254.")', "never"),
        ),
    ),
    "home directories": Chain(
        (
            block(
                "files.* /home/**",
                caveats=("resource == '/home/' + args.user || path.within(resource, '/home/shared')",),
            ),
        ),
        (
            ('resource == "/home/alice"', "yes"),
            ('resource == "/home/alice" && args.user == "bob"', "never"),
            ('resource == "/home/shared/x" && args.user == "bob"', "yes"),
            ('resource == "/etc/passwd"', "never"),
            ('args.user.contains("..") && !path.within(resource, "/home/shared")', "yes"),
        ),
    ),
    "own folder": Chain(
        (block("files.* /tenants/**", caveats=("path.within(resource, '/tenants/' + origin)",)),),
        (
            ('path.within(resource, "/tenants/user:alice@example.com")', "yes"),
            ('path.within(resource, "/tenants/user:bob@example.com")', "never"),
            ('origin == "user:bob@example.com"', "never"),
        ),
    ),
    "kubernetes": Chain(
        (
            block(
                "k8s.*.get /namespaces/*/pods/**",
                "k8s.*.list /namespaces/*/pods/**",
                "k8s.apps.patch /namespaces/dev/deployments/*",
            ),
            block("k8s.** /namespaces/dev/**", caveats=("!has(args.force) || args.force == false",)),
        ),
        (
            ('path.within(resource, "/namespaces/prod")', "never"),
            ('action == "k8s.core.delete"', "never"),
            ('action == "k8s.core.get" && resource == "/namespaces/dev/pods/web-1/logs"', "yes"),
            ('action == "k8s.apps.patch"', "yes"),
            ('action == "k8s.apps.patch" && resource.endsWith("/status")', "yes"),
            ('action == "k8s.apps.patch" && resource == "/namespaces/dev/deployments/web"', "yes"),
            ("args.force == true", "never"),
            ("args.force == false", "yes"),
            ('resource.contains("secrets")', "yes"),
            ('path.within(resource, "/namespaces/dev/secrets")', "never"),
            ('action == "k8s.a.b.get"', "never"),
        ),
    ),
    "cloud storage": Chain(
        (
            block("s3.get s3://logs/**", "s3.put s3://staging/** if args.size < 10485760 && args.acl == 'private'"),
            block("s3.put s3://**", caveats=("resource.startsWith('s3://staging/')",)),
        ),
        (
            ('resource.startsWith("s3://logs")', "never"),
            ('action == "s3.put" && args.acl == "public-read"', "never"),
            ('action == "s3.put" && args.size > 10485760', "never"),
            ('action == "s3.put" && args.size == 1024', "yes"),
            ('action == "s3.get"', "never"),
            ('action == "s3.delete"', "never"),
            ('resource == "s3://staging-evil/x"', "never"),
            ('resource == "s3://staging/a/b"', "yes"),
        ),
    ),
    "regions": Chain(
        (
            block(
                "ec2.run if args.region in ['eu-west-1', 'eu-central-1'] && args.count <= 4 "
                "&& args.type.startsWith('t3.')"
            ),
        ),
        (
            ('args.region == "us-east-1"', "never"),
            ("args.count > 4", "never"),
            ('args.count == 4 && args.region == "eu-west-1"', "yes"),
            ('args.type == "p5.48xlarge"', "never"),
            ('args.type == "t3.2xlarge"', "yes"),
            ('!args.region.startsWith("eu-")', "never"),
            ("args.count == 4.5", "never"),
            ("args.count < -100", "yes"),
        ),
    ),
    "iam": Chain(
        (
            block(
                "iam.attach(role, policy)",
                caveats=(
                    "!args.policy.contains('Admin')",
                    "!(args.role in ['root', 'owner'])",
                ),
            ),
        ),
        (
            ('args.policy == "AdministratorAccess"', "never"),
            ('args.policy == "administratoraccess"', "yes"),
            ('args.role == "root"', "never"),
            ('args.role == "Root"', "yes"),
            ('args.policy.endsWith("FullAdmin")', "never"),
            ("!has(args.policy)", "never"),
        ),
    ),
    "database": Chain(
        (
            block("db.query(sql, limit) if args.sql.matches('(?i)^select ') && !args.sql.contains(';')"),
            block("db.query if args.limit <= 100 && args.limit > 0"),
        ),
        (
            ('args.sql.contains(";")', "never"),
            ('args.sql.startsWith("DELETE")', "never"),
            ('args.sql.startsWith("drop")', "never"),
            ('args.sql.startsWith("SELECT")', "yes"),
            ('args.sql.contains("INTO OUTFILE")', "yes"),
            ("args.limit == 0", "never"),
            ("args.limit == 101", "never"),
            ("args.limit == 100", "yes"),
            ("!has(args.limit)", "never"),
        ),
    ),
    "tables": Chain(
        (block("db.read if args.tables.all(t, t in ['orders', 'items']) && size(args.tables) <= 2"),),
        (
            ('"users" in args.tables', "never"),
            ('args.tables.exists(t, t == "users")', "never"),
            ('args.tables == ["users"]', "never"),
            ("size(args.tables) == 3", "never"),
            ("size(args.tables) == 2", "yes"),
            ('args.tables.all(t, t == "orders")', "yes"),
            ('args.tables[0] == "orders" && args.tables[1] == "items"', "yes"),
            ('args.tables[2] == "items"', "never"),
            ('args.tables == "orders"', "never"),
        ),
    ),
    "working hours": Chain(
        (
            block(
                "deploy.* /services/**",
                caveats=(
                    "now.getHours('Europe/Berlin') >= 9 && now.getHours('Europe/Berlin') < 17",
                    "now < timestamp('2030-01-01T00:00:00Z')",
                ),
            ),
        ),
        (
            ('now > timestamp("2030-06-01T00:00:00Z")', "never"),
            ('action == "deploy.start"', "yes"),
            ('action == "deploy"', "never"),
            ('now.getHours("Europe/Berlin") == 20', "never"),
            ('now.getHours("Europe/Berlin") == 24', "never"),
        ),
    ),
    "expired": Chain(
        (block("deploy.*", caveats=("now < timestamp('2020-01-01T00:00:00Z')",)),),
        (("true", "never"), ('action == "deploy.start"', "never")),
    ),
    "window": Chain(
        (block("deploy.*", caveats=("now >= timestamp('2026-09-21T00:00:00Z')",)),),
        (
            ('now < timestamp("2026-09-20T00:00:00Z")', "never"),
            ('now < timestamp("2026-09-22T00:00:00Z")', "yes"),
            ('now - timestamp("2026-09-21T00:00:00Z") > duration("72h")', "never"),
        ),
    ),
    "environment": Chain(
        (block("pay if args.amount <= 50 || env.mfa == true"), block("pay", caveats=("env.country in ['DE', 'FR']",))),
        (
            ("args.amount > 50", "yes"),
            ("args.amount > 50 && env.mfa == false", "never"),
            ("args.amount > 50 && !has(env.mfa)", "never"),
            ('env.country == "US"', "never"),
            ("!has(env.country)", "never"),
            ('args.amount > 50 && env.country == "DE"', "yes"),
        ),
    ),
    "sums": Chain(
        (
            block(
                "order(price, shipping) if int(args.price) + int(args.shipping) <= 100 "
                "&& int(args.price) >= 0 && int(args.shipping) >= 0"
            ),
        ),
        (
            ("args.price > 60 && args.shipping > 60", "never"),
            ("args.price == 60 && args.shipping == 40", "yes"),
            ("args.price == 101", "never"),
            ("args.price == 100.5", "yes"),
            ("int(args.price) == 101", "never"),
        ),
    ),
    "multiples": Chain(
        (block("order if int(args.n) % 10 == 0 && int(args.n) <= 100"),),
        (
            ("args.n == 55", "never"),
            ("args.n == 50", "yes"),
            ("int(args.n) * 2 > 200", "never"),
            ("int(args.n) / 10 == 7", "yes"),
            ("args.n > 95 && args.n < 100", "never"),
        ),
    ),
    "doubles": Chain(
        (block("order if double(args.price) <= 99.9 && double(args.price) > 0.0"),),
        (
            ("args.price > 100", "never"),
            ("args.price > 99 && args.price < 99.5", "yes"),
            ("args.price == 0", "never"),
            ("args.price == 99", "yes"),
            ("double(args.price) > 99.95", "never"),
        ),
    ),
    "either": Chain(
        (block("transfer if args.kind == 'internal' ? args.amount <= 10000 : args.amount <= 100"),),
        (
            ('args.kind == "external" && args.amount > 100', "never"),
            ('args.kind == "internal" && args.amount > 100', "yes"),
            ('args.kind == "internal" && args.amount > 10000', "never"),
            ("args.amount > 10000", "never"),
            ("!has(args.kind)", "never"),
        ),
    ),
    "lengths": Chain(
        (block("chat.post(text) if size(args.text) <= 280 && !args.text.contains('@everyone')"),),
        (
            ("size(args.text) > 280", "never"),
            ("size(args.text) == 280", "yes"),
            ('args.text.contains("@everyone")', "never"),
            ('args.text.contains("@every")', "yes"),
            ('args.text == ""', "yes"),
            ('args.text.startsWith("@") && args.text.endsWith("everyone")', "yes"),
        ),
    ),
    "nested": Chain(
        (block("ticket.update if args.fields.all(f, f in ['status', 'comment']) && args.ticket.project == 'DOCS'"),),
        (
            ("has(args.fields.owner)", "never"),
            ("has(args.fields.status)", "yes"),
            ('args.ticket.project == "SEC"', "never"),
            ('args.ticket == "DOCS"', "never"),
            ('args.ticket.owner == "eve"', "yes"),
            ('args.fields.exists(f, f == "owner")', "never"),
            ('args.fields == ["status"]', "yes"),
        ),
    ),
    "records": Chain(
        (block("crm.write if args.rows.all(r, r.region == 'EU' && r.value < 1000)"),),
        (
            ('args.rows.exists(r, r.region == "US")', "never"),
            ("args.rows.exists(r, r.value >= 1000)", "never"),
            ("args.rows.exists(r, r.value == 999)", "yes"),
            ("args.rows.exists(r, !has(r.region))", "never"),
            ('args.rows.exists(r, r.owner == "eve")', "yes"),
            ('args.rows[0].region == "US"', "never"),
            ("size(args.rows) == 5 && args.rows.all(r, r.value > 0)", "yes"),
        ),
    ),
    "travel agent": Chain(
        (
            block("flights.book(from, to, price, class)", "hotels.book(city, nights, price)"),
            block(
                "flights.book if args.price < 800 && args.class != 'first'",
                "hotels.book if args.price < 200 && args.nights <= 7",
            ),
            block("flights.book", caveats=("args.to in ['FRA', 'MUC']",)),
        ),
        (
            ('action == "hotels.book"', "never"),
            ("args.price >= 800", "never"),
            ('args.to == "JFK"', "never"),
            ('args.class == "first"', "never"),
            ("!has(args.class)", "never"),
            ('args.to == "FRA" && args.price == 799', "yes"),
            ("has(args.insurance)", "never"),
        ),
    ),
    "shell": Chain(
        (
            block(
                "shell.run(command, args) if args.command in ['ls', 'cat', 'grep'] "
                "&& args.args.all(a, !a.startsWith('-') && !a.contains('..'))"
            ),
        ),
        (
            ('args.command == "rm"', "never"),
            ('args.command.startsWith("l")', "yes"),
            ('args.args.exists(a, a == "-rf")', "never"),
            ('args.args.exists(a, a.contains("../"))', "never"),
            ('args.args.exists(a, a == "/etc/passwd")', "yes"),
            ('args.command == "cat" && args.args == []', "yes"),
            ('args.args[0].startsWith("-")', "never"),
        ),
    ),
    "git": Chain(
        (
            block("git.push(repo, branch, force) if args.repo.matches('^acme/[a-z-]+$')"),
            block("git.push if args.branch.startsWith('agent/') && !(args.force == true)"),
        ),
        (
            ('args.branch == "main"', "never"),
            ('args.branch == "agent/fix"', "yes"),
            ("args.force == true", "never"),
            ("!has(args.force)", "never"),
            ('args.repo == "evil/repo"', "never"),
            ('args.repo == "acme/website"', "yes"),
            ('args.repo.contains("/../")', "never"),
            ('args.repo.contains("/acme")', "yes"),
        ),
    ),
    "calendar": Chain(
        (block("calendar.create if args.attendees.exists(a, a == 'alice@example.com') && size(args.attendees) < 20"),),
        (
            ("args.attendees == []", "never"),
            ('args.attendees.all(a, a != "alice@example.com")', "never"),
            ('args.attendees.exists(a, a == "eve@evil.com")', "yes"),
            ("size(args.attendees) == 1", "yes"),
            ("size(args.attendees) >= 20", "never"),
            ('!("alice@example.com" in args.attendees)', "never"),
        ),
    ),
    "contradiction": Chain(
        (block("pay if args.amount > 100"), block(caveats=("args.amount < 100 || action == 'x'",))),
        (("true", "never"), ("args.amount == 100", "never")),
    ),
    "anything": Chain(
        (block("**", "** **"),),
        (
            ('action == "root.delete"', "yes"),
            ('resource == "/etc/passwd"', "yes"),
            ('resource == "/a/../b"', "never"),
            ('action == ""', "never"),
            ('action.contains(" ")', "never"),
            ("resource == null", "yes"),
            ('holder.name == "agent:nobody"', "never"),
            ("has(args.x) && args.x == 1 && args.x == 2", "never"),
            ("args.x < args.y && args.y < args.z && args.z < args.x", "open"),
            ("args.x < args.y && args.y < args.z", "yes"),
            ("args.x == args.y && args.x != args.y", "never"),
            ('args.x.startsWith("a") && args.y == args.x && args.y.startsWith("b")', "never"),
            ('aud == "files.example.com"', "yes"),
        ),
    ),
    "versions": Chain(
        (
            block(
                "pkg.install(name, version) if args.version.matches('^[0-9]+[.][0-9]+[.][0-9]+$') "
                "&& !args.name.contains('/')"
            ),
        ),
        (
            ('args.version == "latest"', "never"),
            ('args.version == "1.2.3"', "yes"),
            ('args.version.contains("-")', "never"),
            ('args.name == "../x"', "never"),
            ('args.name == "left-pad"', "yes"),
            ('args.version.startsWith("0")', "yes"),
        ),
    ),
    "parsed numbers": Chain(
        (block("quota.set if int(args.value) <= 10"),),
        (
            ('args.value == "11"', "never"),
            ("args.value == 11", "never"),
            ('args.value == "10"', "yes"),
            ("args.value == true", "yes"),
        ),
    ),
    "parsed times": Chain(
        (block("report.make if timestamp(args.since) > timestamp('2026-01-01T00:00:00Z')"),),
        (
            ('args.since == "2025-01-01T00:00:00Z"', "never"),
            ('args.since == "2026-06-01T00:00:00Z"', "yes"),
            ('args.since == "yesterday"', "never"),
            ('timestamp(args.since) < timestamp("2025-01-01T00:00:00Z")', "never"),
        ),
    ),
    "labels": Chain(
        (block("k8s.create if args.labels.env == 'dev' && args.labels.all(k, k in ['env', 'app'])"),),
        (
            ('args.labels.env == "prod"', "never"),
            ("has(args.labels.admin)", "never"),
            ('args.labels.app == "x"', "yes"),
        ),
    ),
    "written numbers": Chain(
        (block("a if string(args.n) == '5'"),),
        (
            ("args.n == 6", "never"),
            ("args.n == 5", "yes"),
        ),
    ),
    "prices": Chain(
        (block("a if double(args.qty) * 9.99 <= 100.0"),),
        (
            ("args.qty == 11", "never"),
            ("args.qty == 10", "yes"),
        ),
    ),
    "products": Chain(
        (block("a if int(args.qty) * int(args.price) <= 1000"),),
        (
            ("args.qty == 10 && args.price == 200", "never"),
            ("args.qty == 10 && args.price == 100", "yes"),
        ),
    ),
    "texts in order": Chain(
        (block("a if args.name >= 'a' && args.name < 'b'"),),
        (
            ('args.name.startsWith("b")', "never"),
            ('args.name == "ab"', "yes"),
        ),
    ),
    "lasting": Chain(
        (block("a if timestamp(args.end) - timestamp(args.start) <= duration('1h')"),),
        (
            ('args.start == "2026-01-01T00:00:00Z" && args.end == "2026-01-01T05:00:00Z"', "never"),
            ('timestamp(args.end) > timestamp(args.start) + duration("2h")', "never"),
        ),
    ),
    "long addresses": Chain(
        (block("a if net.within(args.ip, '2001:db8::/32')"),),
        (
            ('args.ip == "2001:db8::1"', "yes"),
            ('args.ip == "::1"', "never"),
            ('net.within(args.ip, "10.0.0.0/8")', "never"),
            ('net.within(args.ip, "2001::/16")', "open"),
        ),
    ),
    "long hosts": Chain(
        (block("a if url.host(args.u) == 'a.example'"),),
        (
            ('args.u == "http://[::1]/x"', "never"),
            ('args.u.startsWith("http://[")', "never"),
        ),
    ),
    "tied texts": Chain(
        (block("a if args.dst.startsWith(args.src) && args.src.startsWith('/a/')"),),
        (
            ('args.src == "/a/b" && args.dst == "/c"', "never"),
            ('args.src == "/a/b" && args.dst == "/a/b/c"', "yes"),
        ),
    ),
    "tables of limits": Chain(
        (block("a if {'eu': 5, 'us': 10}[args.r] >= int(args.n)"),),
        (
            ('args.r == "eu" && args.n == 7', "never"),
            ('args.r == "us" && args.n == 7', "yes"),
        ),
    ),
    "just one": Chain(
        (block("a if args.l.exists_one(x, x == 'admin')"),),
        (
            ("args.l == []", "never"),
            ('args.l == ["admin"]', "yes"),
        ),
    ),
    "filtered": Chain(
        (block("a if size(args.l.filter(x, x == 'admin')) == 0"),),
        (('"admin" in args.l', "open"),),
    ),
}
