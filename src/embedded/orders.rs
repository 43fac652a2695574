//! Order events as a shop's services write them: JSON, nested, some fields null, here and there a bad one.
//!
//! Comes in: a seed and a clock's reading. Goes out: JSON text and the key for it, the same for the same seed. Must never:
//! make a record longer than [`MOST_BYTES`].

use serde::Serialize;

/// The schema that fits at first.
pub const SCHEMA: &str = include_str!("orders/order.v1.avsc");
/// Its next version: the optional field `loyalty_tier` more. It reads what the first one wrote.
pub const NEXT_SCHEMA: &str = include_str!("orders/order.v2.avsc");
/// No order's JSON is longer, bytes.
pub const MOST_BYTES: usize = 1200;
/// One order in so many is bad.
pub const BAD_EVERY: u64 = 1000;

/// Which one of them: early, so that a short run has one too.
const BAD_AT: u64 = 137;
/// The bad ones are bad in turn in as many ways.
const WAYS: u64 = 4;

const NAMES: [&str; 8] = [
    "Ada Byron",
    "Grace Murray",
    "Zoë Kravchenko",
    "Jürgen Müller",
    "Nguyễn Thị Minh",
    "Kwame Mensah",
    "Sofía Hernández",
    "Yuki Tanaka",
];
const PLACES: [(&str, &str, &str); 6] = [
    ("Lindenstraße", "Berlin", "DE"),
    ("Rue de la République", "Lyon", "FR"),
    ("Calle de Alcalá", "Madrid", "ES"),
    ("Kungsgatan", "Stockholm", "SE"),
    ("Via Garibaldi", "Torino", "IT"),
    ("Nieuwe Gracht", "Utrecht", "NL"),
];
const TITLES: [&str; 8] = [
    "Filter coffee, 1 kg",
    "Desk lamp \"Luna\"",
    "Merino socks, grey, 43",
    "Paperback: The Log",
    "USB-C cable, 2 m",
    "Garden hose 1/2\"",
    "Notebook A5, dotted",
    "Bicycle bell",
];
const NOTES: [&str; 3] = ["Happy birthday!", "Get well soon.\nThe whole team", "Thank you for everything \u{2764}"];
const STATUSES: [&str; 4] = ["placed", "paid", "shipped", "cancelled"];
const CHANNELS: [&str; 4] = ["web", "app", "store", "phone"];
const TIERS: [&str; 3] = ["bronze", "silver", "gold"];

/// A source of orders without end.
#[derive(Debug)]
pub struct Orders {
    random: fastrand::Rng,
    made: u64,
}

/// What was made, beside its JSON.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Whose order it is: the record's key.
    pub customer: u64,
    /// It fits no version of the schema.
    pub bad: bool,
}

#[derive(Serialize)]
struct Order<'a> {
    event_id: String,
    // A bad order may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<u64>,
    placed_at: i64,
    status: &'a str,
    channel: &'a str,
    customer: Customer<'a>,
    items: Vec<Item<'a>>,
    total: Total,
    currency: &'a str,
    coupon: Option<String>,
    gift_note: Option<&'a str>,
    // Absent from events of the first version, null or a word in those of the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    loyalty_tier: Option<Option<&'a str>>,
}

#[derive(Serialize)]
struct Customer<'a> {
    id: u64,
    name: &'a str,
    email: Option<String>,
    address: Address<'a>,
}

#[derive(Serialize)]
struct Address<'a> {
    street: String,
    postcode: String,
    city: &'a str,
    country: &'a str,
}

#[derive(Serialize)]
struct Item<'a> {
    sku: String,
    title: &'a str,
    quantity: u64,
    unit_price: f64,
    discount: Option<f64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Total {
    Amount(f64),
    /// As a careless producer writes it.
    Text(String),
}

impl Orders {
    /// Orders by this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), made: 0 }
    }

    /// How many were made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Makes the next one, placed at this time (milliseconds since the Unix epoch), with the second version's field or
    /// without it. `json` is replaced.
    pub fn next(&mut self, placed_at: i64, evolved: bool, json: &mut Vec<u8>) -> Made {
        let number = self.made;
        self.made += 1;
        let bad = (number % BAD_EVERY == BAD_AT).then_some(number / BAD_EVERY % WAYS);
        let mut order = self.order(number, placed_at, evolved);
        match bad {
            Some(0) => order.order_id = None,
            Some(1) => order.items.iter_mut().for_each(|item| item.quantity = 5_000_000_000),
            Some(2) => order.total = Total::Text("59.90 EUR".to_owned()),
            _ => {}
        }
        let customer = order.customer.id;
        json.clear();
        // Plain values into memory: there is nothing to fail.
        drop(serde_json::to_writer(&mut *json, &order));
        if bad == Some(3) {
            // A producer that died in the middle.
            json.truncate(json.len() * 2 / 3);
        }
        Made { customer, bad: bad.is_some() }
    }

    fn order(&mut self, number: u64, placed_at: i64, evolved: bool) -> Order<'static> {
        let (name, place) = (self.pick(&NAMES), self.pick(&PLACES));
        let customer = self.random.u64(1..50_000);
        let items: Vec<Item<'_>> = (0..self.random.u64(1..=4)).map(|_| self.item()).collect();
        let cents: u64 = items.iter().map(|item| item.quantity * cents_of(item.unit_price)).sum();
        Order {
            event_id: self.uuid(),
            order_id: Some(7_300_000_000 + number),
            placed_at,
            status: self.pick(&STATUSES),
            channel: self.pick(&CHANNELS),
            customer: Customer {
                id: customer,
                name,
                email: self.one_in(5).then(|| format!("customer.{customer}@example.com")),
                address: Address {
                    street: format!("{} {}", place.0, self.random.u32(1..200)),
                    postcode: format!("{:05}", self.random.u32(10_000..99_999)),
                    city: place.1,
                    country: place.2,
                },
            },
            items,
            total: Total::Amount(amount(cents)),
            currency: "EUR",
            coupon: self.one_in(8).then(|| format!("WINTER-{}", self.random.u32(10..30))),
            gift_note: self.one_in(12).then(|| self.pick(&NOTES)),
            loyalty_tier: evolved.then(|| (!self.one_in(3)).then(|| self.pick(&TIERS))),
        }
    }

    fn item(&mut self) -> Item<'static> {
        let cents = self.random.u64(99..20_000);
        Item {
            sku: format!("SKU-{:06}", self.random.u32(0..1_000_000)),
            title: self.pick(&TITLES),
            quantity: self.random.u64(1..=5),
            unit_price: amount(cents),
            discount: self.one_in(6).then(|| amount(cents / 10)),
        }
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.random.u64(..), self.random.u64(..));
        let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}", 0x8000 | low >> 50, low & 0xffff_ffff_ffff)
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.random.u32(0..times) == 0
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        from.get(self.random.usize(0..from.len().max(1))).copied().unwrap_or_default()
    }
}

/// Cents as the number that JSON has for them: two digits at most behind the point.
#[expect(clippy::cast_precision_loss, reason = "an order's cents are few enough to be exact")]
fn amount(cents: u64) -> f64 {
    cents as f64 / 100.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made of whole, positive cents by `amount`"
)]
fn cents_of(amount: f64) -> u64 {
    (amount * 100.0).round() as u64
}
