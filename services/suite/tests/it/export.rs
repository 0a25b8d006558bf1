//! A small export of Olist's shape: three orders of two people, good as it stands, to be spoilt by tests.

use std::collections::BTreeMap;
use std::path::Path;

/// The files by name.
pub struct Export(BTreeMap<&'static str, Vec<u8>>);

/// A key as Olist writes it.
pub fn key(number: u8) -> String {
    format!("{number:032x}")
}

impl Export {
    /// One that is good. Order 1 (person 11) came in time, order 2 (person 11) came late, order 3 (person 12) was
    /// cancelled.
    pub fn good() -> Self {
        let [o1, o2, o3, c1, c2, c3, u1, u2] = [1, 2, 3, 21, 22, 23, 11, 12].map(key);
        let [p1, p2, s1, s2, r1, r2, r3] = [31, 32, 41, 42, 51, 52, 53].map(key);
        let files = [
            (
                "customers.csv",
                format!(
                    "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n\
                     {c1},{u1},35182,timoteo,MG\n{c2},{u1},20231,rio de janeiro,RJ\n{c3},{u2},01001,sao paulo,SP\n"
                ),
            ),
            (
                "orders.csv",
                format!(
                    "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
                     order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n\
                     {o1},{c1},delivered,2017-07-09 21:57:05,2017-07-09 22:10:13,2017-07-11 14:58:04,2017-07-26 10:57:55,2017-08-01 00:00:00\n\
                     {o2},{c2},delivered,2017-09-18 14:31:30,2017-09-19 04:04:09,2017-10-06 17:50:03,2017-10-09 22:23:46,2017-09-28 00:00:00\n\
                     {o3},{c3},canceled,2018-02-03 20:37:35,,,,2018-02-21 00:00:00\n"
                ),
            ),
            (
                "order_items.csv",
                format!(
                    "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n\
                     {o1},1,{p1},{s1},2017-07-20 12:15:10,99.9,27.65\n{o1},2,{p2},{s2},2017-07-20 12:15:10,20.1,0.0\n\
                     {o2},1,{p1},{s1},2017-09-25 12:15:10,50.0,8.77\n{o3},1,{p2},{s1},2018-02-10 12:15:10,30.5,1.0\n"
                ),
            ),
            (
                "order_payments.csv",
                format!(
                    "order_id,payment_sequential,payment_type,payment_installments,payment_value\n\
                     {o1},1,credit_card,8,100.0\n{o1},2,voucher,1,47.65\n{o2},1,boleto,1,58.77\n{o3},1,debit_card,1,31.5\n"
                ),
            ),
            ("products.csv", format!("product_id,product_category_name\n{p1},beleza_saude\n{p2},\n")),
            (
                "product_category_name_translation.csv",
                "\u{feff}product_category_name,product_category_name_english\nbeleza_saude,health_beauty\n".to_owned(),
            ),
            (
                "order_reviews.csv",
                format!(
                    "review_id,order_id,review_score,review_comment_title,review_comment_message,\
                     review_creation_date,review_answer_timestamp\n\
                     {r1},{o1},5,,\"muito\r\nbom, \"\"gostei\"\"\",2017-07-27 00:00:00,2017-07-28 10:00:00\n\
                     {r1},{o2},4,,,2017-10-10 00:00:00,2017-10-11 10:00:00\n\
                     {r3},{o3},1,péssimo,,2018-02-22 00:00:00,2018-02-23 10:00:00\n"
                ),
            ),
        ];
        let _spare = r2;
        Self(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
    }

    /// Writes one thing for another in a file; it must be there.
    pub fn with(mut self, file: &str, what: &str, instead: impl AsRef<[u8]>) -> Self {
        let bytes = self.0.get_mut(file).unwrap();
        let at = bytes.windows(what.len()).position(|part| part == what.as_bytes()).expect("it is in the file");
        bytes.splice(at..at + what.len(), instead.as_ref().iter().copied());
        self
    }

    /// Adds a line to a file.
    pub fn and(mut self, file: &str, line: &str) -> Self {
        self.0.get_mut(file).unwrap().extend_from_slice(format!("{line}\n").as_bytes());
        self
    }

    /// Writes the files into a directory.
    pub fn write(&self, dir: &Path) {
        for (name, bytes) in &self.0 {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
    }
}
