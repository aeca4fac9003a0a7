"""What the wholesaler sells: sixteen products for each industry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

SHOP = "https://shop.nordicsupply.example"

# one product a line: category | brand | name | list price in EUR
_PRODUCTS = {
    ("construction", "BU"): """
        Fixings | Fastholt | Wood screws 5 × 70 mm, box of 500 | 24.90
        Fixings | Fastholt | Concrete anchors M10, box of 50 | 31.50
        Fixings | Fastholt | Joist hangers 45 × 108 mm, pack of 20 | 42.00
        Power tools | Kraftverk | Cordless drill 18 V, two batteries | 189.00
        Power tools | Kraftverk | Rotary hammer SDS-plus 900 W | 249.00
        Power tools | Kraftverk | Circular saw 190 mm with rail | 329.00
        Hand tools | Bror & Son | Claw hammer 20 oz, ash handle | 27.40
        Hand tools | Bror & Son | Ratchet set 1/2", 24 pieces | 74.90
        Hand tools | Bror & Son | Folding rule 2 m, birch | 8.90
        Work safety | Säker | Safety helmet with chin strap, white | 19.80
        Work safety | Säker | Safety boots S3, size 43 | 79.00
        Work safety | Säker | Cut-resistant gloves, size 10, 12 pairs | 38.40
        Insulation | Varmt | Stone wool 120 mm, pack of 5.4 m² | 46.20
        Insulation | Varmt | Vapour barrier 2.7 × 15 m | 52.00
        Sealants | Tätt | Facade sealant grey, box of 12 | 57.60
        Sealants | Tätt | Gun foam 750 ml, box of 12 | 83.40
    """,
    ("food service", "FS"): """
        Cookware | Gryta | Stock pot 24 l, stainless steel | 89.00
        Cookware | Gryta | Frying pan 28 cm, carbon steel | 39.50
        Cookware | Gryta | Gastronorm pan GN 1/1, 65 mm | 14.90
        Knives | Eggskär | Chef's knife 24 cm | 64.00
        Knives | Eggskär | Bread knife 30 cm, serrated | 41.00
        Disposables | Löv | Bagasse bowls 750 ml, box of 500 | 72.00
        Disposables | Löv | Coffee cups 25 cl, box of 1,000 | 68.50
        Disposables | Löv | Napkins 33 cm, white, box of 2,000 | 34.90
        Hygiene | Klarin | Dishwasher detergent 10 l | 47.00
        Hygiene | Klarin | Sanitising spray 750 ml, box of 6 | 29.40
        Hygiene | Klarin | Nitrile gloves, size L, box of 1,000 | 56.00
        Dry goods | Fält | Arborio rice 10 kg | 26.80
        Dry goods | Fält | Crushed tomatoes 6 × 2.5 kg | 33.60
        Dry goods | Fält | Cold-pressed rapeseed oil 10 l | 44.50
        Equipment | Varmluft | Induction hob 3.5 kW, tabletop | 289.00
        Equipment | Varmluft | Vacuum sealer, 30 cm bar | 412.00
    """,
    ("health care", "HC"): """
        Protection | Rena | Examination gloves nitrile M, box of 200 | 12.90
        Protection | Rena | Surgical masks type IIR, box of 50 | 7.80
        Protection | Rena | Isolation gowns, pack of 10 | 16.40
        Disinfection | Klarin | Hand disinfectant 500 ml, box of 12 | 58.80
        Disinfection | Klarin | Surface wipes, box of 6 × 150 | 46.50
        Disinfection | Klarin | Surface disinfectant 5 l | 31.00
        Wound care | Läka | Sterile gauze 10 × 10 cm, box of 100 | 9.60
        Wound care | Läka | Foam dressing 10 × 10 cm, box of 10 | 38.00
        Wound care | Läka | Elastic bandage 8 cm, box of 20 | 17.20
        Furniture | Stöd | Examination couch, height-adjustable | 1290.00
        Furniture | Stöd | Instrument trolley, three shelves | 264.00
        Furniture | Stöd | Saddle stool, antibacterial cover | 218.00
        Diagnostics | Mätt | Digital thermometer, box of 10 | 84.00
        Diagnostics | Mätt | Blood pressure monitor with three cuffs | 139.00
        Care | Rena | Incontinence pads, 4 × 28 | 43.20
        Care | Rena | Disposable washcloths, box of 1,200 | 39.90
    """,
    ("hospitality", "HO"): """
        Linen | Sova | Duvet cover 150 × 210 cm, sateen | 32.00
        Linen | Sova | Bath towel 70 × 140 cm, 500 g/m², 10 pieces | 94.00
        Linen | Sova | Fitted sheet 90 × 200 cm, 6 pieces | 88.50
        Guest room | Rum | Kettle 0.6 l with tray | 36.90
        Guest room | Rum | Hair dryer 1,600 W, wall bracket | 42.00
        Guest room | Rum | Room safe for a laptop | 118.00
        Bathroom | Löv | Soap bars 15 g, box of 500 | 61.00
        Bathroom | Löv | Shower gel dispenser 300 ml, box of 12 | 54.60
        Breakfast | Fält | Coffee beans dark roast, 8 × 1 kg | 112.00
        Breakfast | Fält | Jam portions 25 g, box of 200 | 37.40
        Breakfast | Fält | Tea assortment, 12 × 25 bags | 41.80
        Tableware | Duka | Dinner plate 27 cm, 24 pieces | 139.00
        Tableware | Duka | Wine glass 45 cl, 24 pieces | 96.00
        Tableware | Duka | Cutlery set, 72 pieces | 164.00
        Cleaning | Klarin | Laundry detergent 15 kg | 59.00
        Cleaning | Klarin | Housekeeping cart, two bags | 349.00
    """,
    ("manufacturing", "MA"): """
        Cutting tools | Skarp | Indexable inserts CNMG 120408, 10 pieces | 84.00
        Cutting tools | Skarp | Solid carbide end mill 10 mm | 58.50
        Cutting tools | Skarp | HSS drill set 1–13 mm, 25 pieces | 112.00
        Pneumatics | Luftig | Compact cylinder 32 × 50 mm | 63.00
        Pneumatics | Luftig | Solenoid valve 5/2, 24 V DC | 47.90
        Pneumatics | Luftig | Hose 8 × 6 mm, 50 m | 39.00
        Pumps | Flöde | Centrifugal pump 1.1 kW | 486.00
        Pumps | Flöde | Diaphragm pump 1/2", air-driven | 738.00
        Pumps | Flöde | Pump seal kit | 64.20
        Bearings | Rulla | Deep groove ball bearing 6205-2RS | 8.70
        Bearings | Rulla | Pillow block unit UCP 205 | 24.30
        Lubricants | Glid | Cutting fluid concentrate 20 l | 128.00
        Lubricants | Glid | Multi-purpose grease 400 g, box of 24 | 134.40
        Work safety | Säker | Safety goggles, anti-fog, box of 10 | 58.00
        Work safety | Säker | Ear muffs 32 dB | 26.50
        Work safety | Säker | Welding gloves, 12 pairs | 92.00
    """,
    ("retail", "RE"): """
        Shop fitting | Hylla | Wall shelf bay 100 × 220 cm | 149.00
        Shop fitting | Hylla | Basket 20 l, stackable, 20 pieces | 98.00
        Shop fitting | Hylla | Price rail 100 cm, 50 pieces | 64.50
        Packaging | Löv | Paper carrier bags 32 cm, box of 250 | 57.80
        Packaging | Löv | Tissue paper 50 × 75 cm, 480 sheets | 28.60
        Packaging | Löv | Mailing boxes A4, 50 pieces | 36.20
        Point of sale | Kassa | Till rolls 80 mm, box of 50 | 44.00
        Point of sale | Kassa | Barcode scanner, cordless | 158.00
        Point of sale | Kassa | Label printer, thermal | 214.00
        Home & garden | Gård | Terracotta pot 24 cm, 12 pieces | 66.00
        Home & garden | Gård | Watering can 10 l, zinc, 6 pieces | 87.00
        Home & garden | Gård | Bird food mix 15 kg | 19.90
        Seasonal | Gård | Candles 25 cm, ivory, box of 120 | 52.40
        Seasonal | Gård | String lights 20 m, 12 pieces | 142.80
        Cleaning | Klarin | Floor cleaner 5 l, box of 4 | 48.00
        Cleaning | Klarin | Microfibre cloths, 100 pieces | 62.00
    """,
}


@dataclass(frozen=True, slots=True)
class Product:
    """One article."""

    product_id: str
    industry: str
    """whose buyers it is made for"""
    category: str
    brand: str
    name: str
    cents: int
    """list price"""

    @property
    def url(self) -> str:
        return f"{SHOP}/p/{self.product_id.lower()}"

    @property
    def image_url(self) -> str:
        return f"{SHOP}/img/{self.product_id.lower()}.jpg"


@cache
def products() -> tuple[Product, ...]:
    """The whole catalogue."""
    found = []
    for (industry, prefix), lines in _PRODUCTS.items():
        for number, line in enumerate(lines.strip().splitlines(), start=1001):
            category, brand, name, price = (part.strip() for part in line.split(" | "))
            cents = int(price.replace(".", ""))
            found.append(Product(f"{prefix}-{number}", industry, category, brand, name, cents))
    return tuple(found)


@cache
def assortment(industry: str) -> tuple[Product, ...]:
    """What buyers of one industry look at."""
    return tuple(product for product in products() if product.industry == industry)


INDUSTRIES: tuple[str, ...] = tuple(industry for industry, _ in _PRODUCTS)
