"""Customers, products and orders."""

import uuid

from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Lower


class Category(models.Model):
    name = models.CharField(max_length=50, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")


class Product(models.Model):
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    title = models.CharField(max_length=100, db_index=True)
    slug = models.SlugField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    weight = models.FloatField(null=True)
    stock = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    info = models.JSONField(default=dict)
    picture = models.BinaryField(null=True)
    released = models.DateField(null=True)
    opens = models.TimeField(null=True)
    lasts = models.DurationField(null=True)
    changed = models.DateTimeField(auto_now=True)
    categories = models.ManyToManyField(Category, related_name="products")

    class Meta:
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="price_not_negative"),
            models.UniqueConstraint(Lower("title"), name="title_once"),
            models.UniqueConstraint(fields=["slug"], condition=models.Q(active=True), name="slug_of_active"),
        ]
        indexes = [models.Index(fields=["-price", "title"], name="by_price"), models.Index(Lower("slug"), name="by_slug")]


class Order(models.Model):
    class State(models.TextChoices):
        NEW = "new"
        PAID = "paid"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="orders")
    state = models.CharField(max_length=4, choices=State.choices, default=State.NEW)
    placed = models.DateTimeField()


class Line(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    amount = models.SmallIntegerField(default=1)
    note = models.TextField(blank=True)

    class Meta:
        unique_together = [("order", "product")]
