"""Products in the admin."""

from django.contrib import admin

from .models import Category, Order, Product

admin.site.register(Category)
admin.site.register(Order)


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["title", "price", "active"]
    list_filter = ["active", "categories"]
    search_fields = ["title", "slug"]
    date_hierarchy = "released"
    exclude = ["picture"]
