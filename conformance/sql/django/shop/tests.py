"""Queries as applications write them, the admin, sessions, transactions, migrations back and forth."""

import datetime
import io
from decimal import Decimal

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Coalesce, Concat, ExtractYear, Length, Rank, RowNumber, TruncMonth, Upper
from django.test import TestCase, TransactionTestCase

from .models import Category, Line, Order, Product

UTC = datetime.timezone.utc


def shop():
    ann = User.objects.create_user("ann", "ann@example.org", "secret")
    root = Category.objects.create(name="all")
    pens = Category.objects.create(name="pens", parent=root)
    for n in range(10):
        product = Product.objects.create(
            title=f"Pen {n}", slug=f"pen-{n}", price=Decimal(n) + Decimal("0.50"), stock=n, weight=n / 4 if n else None, info={"colour": ["blue", "red"][n % 2], "sizes": [1, n], "deep": {"n": n}},
            released=datetime.date(2024, n % 3 + 1, n + 1), opens=datetime.time(9, n), lasts=datetime.timedelta(days=n, seconds=1), picture=bytes([n]), active=n % 4 != 3)
        product.categories.add(root, *([pens] if n % 2 else []))
    for n in range(4):
        order = Order.objects.create(user=ann, state=["new", "paid"][n % 2], placed=datetime.datetime(2024, n + 1, 15, 12, tzinfo=UTC))
        for product in Product.objects.all()[: n + 1]:
            Line.objects.create(order=order, product=product, amount=n + 1)
    return ann


class Queries(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ann = shop()

    def test_fields_round_trip(self):
        pen = Product.objects.get(slug="pen-3")
        self.assertEqual((pen.price, pen.weight, pen.stock, pen.active), (Decimal("3.50"), 0.75, 3, False))
        self.assertEqual((pen.released, pen.opens, pen.lasts), (datetime.date(2024, 1, 4), datetime.time(9, 3), datetime.timedelta(days=3, seconds=1)))
        self.assertEqual((bytes(pen.picture), pen.info["deep"]), (b"\x03", {"n": 3}))
        self.assertEqual(Product.objects.get(key=pen.key), pen)

    def test_lookups(self):
        count = lambda **q: Product.objects.filter(**q).count()  # noqa: E731
        rows = [
            ({"title__icontains": "PEN"}, 10), ({"title__contains": "PEN"}, 0), ({"title__startswith": "Pen"}, 10), ({"title__iendswith": "n 1"}, 1), ({"title__regex": r"[0-4]$"}, 5), ({"title__iregex": "^pen"}, 10), ({"title__iexact": "pen 1"}, 1),
            ({"price__range": (1, 3)}, 2), ({"price__gt": Decimal("8.49")}, 2), ({"stock__in": [1, 2, 99]}, 2), ({"weight__isnull": True}, 1), ({"released__year": 2024}, 10), ({"released__month": 2}, 3), ({"released__week_day": 2}, 2), ({"changed__date__gte": datetime.date(2000, 1, 1)}, 10),
            ({"opens__minute": 5}, 1), ({"lasts__gt": datetime.timedelta(days=5)}, 5), ({"info__colour": "red"}, 5), ({"info__deep__n": 3}, 1), ({"info__deep__n__gt": 6}, 3), ({"info__has_key": "colour"}, 10), ({"info__contains": {"colour": "blue"}}, 5), ({"info__sizes__0": 1}, 10), ({"info__colour__startswith": "b"}, 5), ({"categories__name": "pens"}, 5), ({"categories__parent__name": "all"}, 5),
        ]
        for query, expected in rows:
            with self.subTest(query=query):
                self.assertEqual(count(**query), expected)

    def test_aggregates(self):
        got = Product.objects.aggregate(n=Count("*"), total=Sum("price"), mean=Avg("stock"), live=Count("id", filter=Q(active=True)), weight=Sum("weight"))
        self.assertEqual(got, {"n": 10, "total": Decimal("50.00"), "mean": 4.5, "live": 8, "weight": 11.25})
        self.assertEqual(list(Category.objects.annotate(n=Count("products")).order_by("name").values_list("name", "n")), [("all", 10), ("pens", 5)])
        self.assertEqual(list(Order.objects.annotate(sum=Sum(F("lines__amount") * F("lines__product__price"))).order_by("id").values_list("sum", flat=True)), [Decimal("0.50"), Decimal("4.00"), Decimal("13.50"), Decimal("32.00")])
        self.assertEqual(list(Order.objects.annotate(m=TruncMonth("placed")).values("m").annotate(n=Count("id")).order_by("m").values_list("n", flat=True)), [1, 1, 1, 1])
        self.assertEqual(list(Product.objects.values("active").annotate(n=Count("id")).filter(n__gt=2).order_by("active").values_list("active", "n")), [(True, 8)])
        self.assertEqual(Product.objects.aggregate(d=Sum("lasts"))["d"], datetime.timedelta(days=45, seconds=10))

    def test_expressions(self):
        row = Product.objects.annotate(
            name=Concat(Upper("slug"), Value("/"), "title"), size=Length("title"), year=ExtractYear("released"), kind=Case(When(price__lt=5, then=Value("cheap")), default=Value("dear")), gross=F("price") * Decimal("1.2"), light=Coalesce("weight", Value(0.0)),
        ).order_by("id").values_list("name", "size", "year", "kind", "gross", "light")[5]
        self.assertEqual(row, ("PEN-5/Pen 5", 5, 2024, "dear", Decimal("6.600"), 1.25))
        ranks = Product.objects.annotate(r=Window(Rank(), partition_by="active", order_by=F("price").desc()), n=Window(RowNumber(), order_by="id")).order_by("id").values_list("r", "n")
        self.assertEqual(list(ranks)[:4], [(8, 1), (7, 2), (6, 3), (2, 4)])
        last = Line.objects.filter(product=OuterRef("pk")).order_by("-order__placed").values("amount")[:1]
        self.assertEqual(list(Product.objects.annotate(a=Subquery(last)).order_by("id").values_list("a", flat=True))[:5], [4, 4, 4, 4, None])
        self.assertEqual(Product.objects.filter(Exists(Line.objects.filter(product=OuterRef("pk")))).count(), 4)
        self.assertEqual(Product.objects.order_by(F("weight").desc(nulls_last=True)).first().slug, "pen-9")
        self.assertEqual(Product.objects.filter(released__gt=F("changed__date") - datetime.timedelta(days=1)).count(), 0)

    def test_relations(self):
        with self.assertNumQueries(2):
            orders = list(Order.objects.select_related("user").prefetch_related(Prefetch("lines", Line.objects.select_related("product"))).order_by("id"))
            self.assertEqual([[line.product.slug for line in sorted(order.lines.all(), key=lambda x: x.id)] for order in orders][1], ["pen-0", "pen-1"])
        self.assertEqual(User.objects.filter(orders__lines__product__slug="pen-3").distinct().count(), 1)
        union = Product.objects.filter(stock=1).union(Product.objects.filter(stock=2)).order_by("title")
        self.assertEqual([p.slug for p in union], ["pen-1", "pen-2"])
        self.assertEqual([p.slug for p in Product.objects.order_by("active", "-price").distinct("active")], ["pen-7", "pen-9"])
        self.assertEqual(len(list(Product.objects.all().iterator(chunk_size=3))), 10)
        self.assertEqual(len(Product.objects.in_bulk()), 10)

    def test_writes(self):
        self.assertEqual(Product.objects.filter(stock__lt=5).update(stock=F("stock") + 100, active=False), 5)
        made = Category.objects.bulk_create([Category(name=f"c{n}") for n in range(500)], batch_size=100)
        self.assertTrue(all(category.pk for category in made))
        Category.objects.bulk_create([Category(name="c1"), Category(name="new")], ignore_conflicts=True)
        Category.objects.bulk_create([Category(name="c2", parent=made[0])], update_conflicts=True, unique_fields=["name"], update_fields=["parent"])
        self.assertEqual((Category.objects.get(name="c2").parent, Category.objects.filter(name="new").count()), (made[0], 1))
        for category in made:
            category.name = "x" + category.name
        self.assertEqual(Category.objects.bulk_update(made, ["name"]), 500)
        self.assertEqual(Category.objects.get_or_create(name="xc7")[1], False)
        self.assertEqual(Category.objects.update_or_create(name="xc7", defaults={"parent": made[1]})[0].parent, made[1])
        self.assertEqual(Order.objects.filter(state="new").delete()[0], 6)
        self.assertEqual(Product.objects.select_for_update().get(slug="pen-1").stock, 101)

    def test_constraints(self):
        for make in (
            lambda: Product.objects.create(title="PEN 1", slug="other", price=1), lambda: Product.objects.create(title="a", slug="pen-1", price=1), lambda: Product.objects.create(title="b", slug="b", price=-1),
            lambda: Category.objects.create(name="all"), lambda: Line.objects.create(order=Order.objects.first(), product=Line.objects.first().product),
        ):
            with self.assertRaises(IntegrityError), transaction.atomic():
                make()
        with self.assertRaises(DatabaseError), transaction.atomic():
            Order.objects.create(user=self.ann, state="longer", placed=datetime.datetime.now(UTC))
        Product.objects.create(title="c", slug="pen-3", price=1)
        self.assertEqual(Product.objects.count(), 11)

    def test_raw(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT slug, price FROM shop_product WHERE stock = %s", [3])
            self.assertEqual(cursor.fetchone(), ("pen-3", Decimal("3.50")))
        self.assertEqual([p.slug for p in Product.objects.raw("SELECT * FROM shop_product WHERE stock > %s ORDER BY id", [7])], ["pen-8", "pen-9"])


class Admin(TestCase):
    def test_admin(self):
        shop()
        User.objects.create_superuser("root", "root@example.org", "secret")
        self.assertTrue(self.client.login(username="root", password="secret"))
        self.assertEqual(Session.objects.count(), 1)
        for path in ("/admin/", "/admin/shop/product/", "/admin/shop/product/?q=pen&active__exact=1", "/admin/shop/product/?released__year=2024", "/admin/auth/user/", "/admin/shop/product/add/"):
            with self.subTest(path=path):
                self.assertEqual(self.client.get(path).status_code, 200)
        answer = self.client.post("/admin/shop/category/add/", {"name": "made", "parent": ""})
        self.assertEqual((answer.status_code, Category.objects.filter(name="made").count()), (302, 1))
        made = Category.objects.get(name="made")
        self.assertEqual(self.client.post(f"/admin/shop/category/{made.pk}/delete/", {"post": "yes"}).status_code, 302)
        self.assertFalse(Category.objects.filter(name="made").exists())
        self.client.logout()

    def test_permissions(self):
        user, group = User.objects.create_user("bob"), Group.objects.create(name="sellers")
        group.permissions.set(Permission.objects.filter(content_type=ContentType.objects.get_for_model(Product)))
        user.groups.add(group)
        self.assertTrue(User.objects.get(pk=user.pk).has_perm("shop.change_product"))
        self.assertEqual(Permission.objects.filter(group__user=user).count(), 4)


class Transactions(TransactionTestCase):
    def test_atomic(self):
        with transaction.atomic():
            Category.objects.create(name="kept")
            try:
                with transaction.atomic():
                    Category.objects.create(name="lost")
                    Category.objects.create(name="kept")
            except IntegrityError:
                pass
            done = []
            transaction.on_commit(lambda: done.append(1))
        self.assertEqual(([c.name for c in Category.objects.all()], done), (["kept"], [1]))
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            Category.objects.create(name="gone")
            1 / 0
        self.assertEqual(Category.objects.count(), 1)

    def test_deferred_keys(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Category.objects.create(name="orphan", parent_id=12345)
        with transaction.atomic():
            Category.objects.create(pk=1, name="first", parent_id=2)
            Category.objects.create(pk=2, name="second")
        self.assertEqual(Category.objects.count(), 2)

    def test_dump_and_load(self):
        shop()
        out = io.StringIO()
        call_command("dumpdata", "shop", "auth.user", stdout=out)
        before = Product.objects.count()
        call_command("flush", interactive=False, verbosity=0)
        self.assertEqual(Product.objects.count(), 0)
        with open("/tmp/shop-dump.json", "w", encoding="utf-8") as file:
            file.write(out.getvalue())
        call_command("loaddata", "/tmp/shop-dump.json", verbosity=0)
        self.assertEqual(Product.objects.count(), before)


class Migrations(TransactionTestCase):
    def test_back_and_forth(self):
        for name in ("0001", "zero", None):
            call_command("migrate", "shop", *([name] if name else []), verbosity=0)
        call_command("migrate", "auth", "0005", verbosity=0)
        call_command("migrate", "auth", verbosity=0)
        self.assertEqual(Product.objects.count(), 0)

    def test_nothing_to_migrate(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    def test_inspectdb(self):
        out = io.StringIO()
        call_command("inspectdb", stdout=out)
        text = out.getvalue()
        for part in ("class ShopProduct(models.Model)", "models.DecimalField(max_digits=10, decimal_places=2)", "models.UUIDField(unique=True)", "unique_together = (('order', 'product'),)", "models.ForeignKey('self', models.DO_NOTHING"):
            with self.subTest(part=part):
                self.assertIn(part, text)

    def test_alter(self):
        with connection.schema_editor() as editor:
            old = Category._meta.get_field("name")
            new = models.TextField(null=True, default="x")
            new.set_attributes_from_name("name")
            new.model = Category
            editor.alter_field(Category, old, new)
            editor.alter_field(Category, new, old)
            extra = models.IntegerField(default=7)
            extra.set_attributes_from_name("extra")
            extra.model = Category
            editor.add_field(Category, extra)
            editor.remove_field(Category, extra)
        self.assertEqual(Category.objects.count(), 0)
