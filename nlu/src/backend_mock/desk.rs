//! Numbers, cards and what is booked on them: what a customer's desk looks up and changes.
//!
//! What a number is follows from its last digit, so that a demo can choose: 7 has a contract, 6 is not registered to a
//! person, 5 is in arrears, 4 has used up its data, 3 lives where no fibre is, 2 has booked nothing.

use super::{Answer, Books, Customer, KEPT_MAX, Shared, key};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Points and what they buy.
const GIFTS: [(&str, i64); 3] = [("流量", 800), ("十元话费", 1_000), ("三十元话费", 3_000)];
/// Yuan a day abroad.
const ROAMING: [(&str, i64); 5] = [("港澳台", 18), ("日韩", 25), ("东南亚", 25), ("欧美", 30), ("其他地区", 30)];
/// No code and no password is this; every other one of six digits is taken for right.
const WRONG_CODE: &str = "000000";

/// The numbers that were asked about; the oldest make room.
type Numbers = Arc<Mutex<VecDeque<(String, Number)>>>;

#[derive(Clone)]
struct Desk {
    shared: Shared,
    numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq)]
struct Number {
    state: &'static str,
    points: i64,
    /// Name and yuan a month.
    booked: Vec<(String, i64)>,
}

impl Number {
    fn of(number: &str) -> Self {
        let booked = match number.chars().last() {
            Some('2') => Vec::new(),
            _ => vec![("视频会员".to_owned(), 15), ("彩铃".to_owned(), 5)],
        };
        let state = if number.ends_with('5') { "arrears" } else { "active" };
        Self { state, points: 2_350, booked }
    }
}

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/crm/number", get(number))
        .route("/crm/number/suspend", post(suspend))
        .route("/crm/number/resume", post(resume))
        .route("/crm/number/lost", post(lost))
        .route("/crm/code", post(code))
        .route("/crm/code/check", post(check_code))
        .route("/crm/password/check", post(check_password))
        .route("/crm/password/reset", post(reset_password))
        .route("/crm/puk", get(puk))
        .route("/crm/card", post(card))
        .route("/crm/services", get(services))
        .route("/crm/service", post(service))
        .route("/crm/roaming", get(roaming))
        .route("/crm/points", get(points))
        .route("/crm/points/redeem", post(redeem))
        .route("/crm/invoice", post(invoice))
        .route("/crm/promotion", get(promotion))
        .route("/crm/speed", get(speed))
        .with_state(Desk { shared, numbers: Numbers::default() })
}

impl Desk {
    /// Works on the books and one number at once, after the delay of one look-up.
    async fn work<T>(&self, number: &str, work: impl FnOnce(&mut Books, &mut Number) -> T) -> T {
        self.shared
            .books(|books| {
                let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
                let at = numbers.iter().position(|(known, _)| known == number).unwrap_or_else(|| {
                    if numbers.len() == KEPT_MAX {
                        numbers.pop_front();
                    }
                    numbers.push_back((number.to_owned(), Number::of(number)));
                    numbers.len() - 1
                });
                work(books, &mut numbers[at].1)
            })
            .await
    }

    /// Places an order on a number and changes it, once for each key.
    async fn order(
        &self,
        headers: &HeaderMap,
        number: &str,
        kind: &str,
        what: &str,
        change: impl FnOnce(&mut Number),
    ) -> Answer {
        if number.is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        let key = key(headers);
        let placed = self.work(number, |books, number| {
            let (placed, is_new) = books.place(key, kind, what.to_owned());
            if is_new {
                change(number);
            }
            placed
        });
        Ok(Json(json!({"order_id": placed.await.id})))
    }
}

async fn number(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    let state = desk.work(&customer.msisdn, |_, number| number.state).await;
    let last = customer.msisdn.chars().last();
    let contract = if last == Some('7') { json!("2027-06-30") } else { Value::Null };
    Ok(Json(json!({
        "state": state, "region": "浙江杭州", "years": 8, "real_name": last != Some('6'), "cards": 3,
        "contract_until": contract, "penalty": 120, "port_allowed": last != Some('7') && state == "active",
        "port_reason": if last == Some('7') { "合约还没有到期" } else { "号码现在停机" },
    })))
}

#[derive(Deserialize)]
struct Of {
    msisdn: String,
    #[serde(default)]
    months: String,
    #[serde(default)]
    way: String,
    #[serde(default)]
    month: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    gift: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    password: String,
}

async fn suspend(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "suspend", &of.months, |number| number.state = "suspended").await
}

async fn resume(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "resume", "", |number| number.state = "active").await
}

async fn lost(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "lost", &of.msisdn, |number| number.state = "lost").await
}

async fn code(State(desk): State<Desk>, Json(of): Json<Of>) -> Answer {
    desk.work(&of.msisdn, |_, _| ()).await;
    Ok(Json(json!({"sent": true})))
}

async fn check_code(State(desk): State<Desk>, Json(of): Json<Of>) -> Answer {
    desk.work(&of.msisdn, |_, _| ()).await;
    Ok(Json(json!({"matches": is_right(&of.code)})))
}

async fn check_password(State(desk): State<Desk>, Json(of): Json<Of>) -> Answer {
    desk.work(&of.msisdn, |_, _| ()).await;
    Ok(Json(json!({"matches": is_right(&of.password)})))
}

fn is_right(code: &str) -> bool {
    code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) && code != WRONG_CODE
}

async fn reset_password(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "password", "", |_| ()).await
}

async fn puk(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    desk.work(&customer.msisdn, |_, _| ()).await;
    let number: u64 = customer.msisdn.parse().map_err(|_| StatusCode::NOT_FOUND)?;
    Ok(Json(json!({"puk": format!("{:08}", number % 89_999_999 + 10_000_000)})))
}

async fn card(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "card", &of.way, |_| ()).await
}

async fn services(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    let booked = desk.work(&customer.msisdn, |_, number| number.booked.clone()).await;
    let name = |at: usize| booked.get(at).map(|(name, _)| name.clone());
    let fee = |at: usize| booked.get(at).map(|(_, fee)| *fee);
    Ok(Json(json!({
        "count": booked.len(), "first": name(0), "first_fee": fee(0), "second": name(1), "second_fee": fee(1),
    })))
}

#[derive(Deserialize)]
struct Switch {
    msisdn: String,
    service: String,
    op: String,
}

async fn service(State(desk): State<Desk>, headers: HeaderMap, Json(switch): Json<Switch>) -> Answer {
    let Switch { msisdn, service, op } = switch;
    if !["on", "off", "add", "remove"].contains(&op.as_str()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let what = format!("{service} {op}");
    let drop = |number: &mut Number| number.booked.retain(|(name, _)| op == "on" || *name != service);
    desk.order(&headers, &msisdn, "service", &what, drop).await
}

#[derive(Deserialize)]
struct Abroad {
    region: String,
}

async fn roaming(State(desk): State<Desk>, Query(abroad): Query<Abroad>) -> Answer {
    desk.shared.books(|_| ()).await;
    let price = ROAMING.iter().find(|(region, _)| *region == abroad.region);
    let (_, fee) = price.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({"day_fee": fee})))
}

async fn points(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    let points = desk.work(&customer.msisdn, |_, number| number.points).await;
    Ok(Json(json!({"points": points, "expiring": points.min(350), "until": "今年年底"})))
}

async fn redeem(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    let (_, price) = GIFTS.iter().find(|(gift, _)| *gift == of.gift).ok_or(StatusCode::NOT_FOUND)?;
    if desk.work(&of.msisdn, |_, number| number.points < *price).await {
        return Err(StatusCode::CONFLICT);
    }
    let ordered = desk.order(&headers, &of.msisdn, "gift", &of.gift, |number| number.points -= price).await?;
    let left = desk.work(&of.msisdn, |_, number| number.points).await;
    Ok(Json(json!({"order_id": ordered.0["order_id"], "left": left})))
}

async fn invoice(State(desk): State<Desk>, headers: HeaderMap, Json(of): Json<Of>) -> Answer {
    desk.order(&headers, &of.msisdn, "invoice", &format!("{} {}", of.month, of.title), |_| ()).await
}

async fn promotion(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    desk.work(&customer.msisdn, |_, _| ()).await;
    Ok(Json(json!({"name": "存一百元送三十元话费的活动", "until": "月底"})))
}

async fn speed(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    desk.work(&customer.msisdn, |_, _| ()).await;
    Ok(Json(json!({"limited": customer.msisdn.ends_with('4')})))
}
