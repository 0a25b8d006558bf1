//! A user's own mapping: another shop system, other files, columns, formats and words.

use guanxi_testkit::Suite;

const MAPPING: &str = r#"
source = "shop"

[organization]
id = "cn"
display_name = "China"
time_zone = "Asia/Shanghai"
currency_code = "CNY"

[program]
id = "club"
display_name = "Club"
points = "stars"
points_per_step = 2
step_minor = 1000

[format]
delimiter = ";"
timestamp = "%Y-%m-%dT%H:%M:%S%z"
decimal = ","

[customers]
file = "people.csv"
key = "no"
external_id = "no"
display_name = "name"
phone = "mobile"
email = "mail"

[customers.address]
region_code = "CN"
locality = "city"
lines = ["street"]

[orders]
file = "sales.csv"
number = "sale"
customer = "person"
order_time = "sold"

[[orders.tracking]]
column = "handed_over"
status = "DELIVERED"

[items]
file = "lines.csv"
order = "sale"
line = "line"
product = "article"
seller = "store"
quantity = "pieces"
price = "sum"
"#;

#[test]
fn another_shop_systems_export_goes_in_by_a_mapping_of_its_own() {
    let suite = Suite::start();
    let dir = suite.dir();
    let files = [
        ("map.toml", MAPPING),
        (
            "people.csv",
            "name;no;mobile;mail;city;street\n王小明;7;138 1234 8000;wang@example.com;上海;\"南京路 1; 2\"\n李雷;8;;;;\n",
        ),
        (
            "sales.csv",
            "sale;person;sold;handed_over;till\n2026-1;7;2026-03-01T10:00:00+0800;2026-03-01T10:05:00+0800;3\n2026-2;8;2026-03-02T10:00:00+0800;;3\n",
        ),
        (
            "lines.csv",
            "sale;line;article;pieces;sum;store\n2026-1;1;tv;2;1999,90;s1\n2026-1;2;cable;1;10;s1\n2026-2;1;tv;1;0,5;s1\n",
        ),
    ];
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let said = suite.told(&["import", "--mapping", "map.toml", "."]);
    assert!(said.starts_with("settled in ") && !said.contains("left out"), "{said}");
    let figures = suite.figures();
    let expected = [("customers", 2), ("members", 2), ("orders", 2), ("order_value_minor", 201_040), ("delivered", 1)];
    for (name, value) in expected.into_iter().chain([("points_active", 400), ("reviews", 0)]) {
        assert_eq!(figures[name], value, "{name} in {figures}");
    }
    let page = suite.told(&["show", "customer", "shop:7", "--organization", "cn"]);
    for part in ["王小明", "上海", "+86138****8000", "w****@example.com", "400 active", "(programs/club)"] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}
