//! Fibre, radio cells, shops and open cases.

use super::{Answer, Customer, Shared, key};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// District, name and address.
const SHOPS: [(&str, &str, &str); 5] = [
    ("城东", "东湖路营业厅", "东湖路八十八号"),
    ("城西", "文二路营业厅", "文二路二百号"),
    ("城南", "滨江营业厅", "江南大道六号"),
    ("城北", "拱墅营业厅", "湖墅北路十二号"),
    ("市中心", "武林营业厅", "体育场路一百号"),
];

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/oss/coverage", get(coverage))
        .route("/oss/order", post(order))
        .route("/oss/move", post(move_line))
        .route("/oss/broadband", get(broadband))
        .route("/oss/cell", get(cell))
        .route("/oss/report", post(report))
        .route("/oss/refresh", post(refresh))
        .route("/crm/report", post(report_number))
        .route("/crm/ticket", get(ticket))
        .route("/crm/ticket/urge", post(urge))
        .route("/crm/store", get(store))
        .with_state(shared)
}

async fn coverage(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    shared.books(|_| ()).await;
    Ok(Json(json!({"covered": !customer.msisdn.ends_with('3')})))
}

#[derive(Deserialize)]
struct Line {
    msisdn: String,
    #[serde(default)]
    speed: i64,
    visit: String,
}

async fn order(State(shared): State<Shared>, headers: HeaderMap, Json(line): Json<Line>) -> Answer {
    if ![300, 500, 1_000].contains(&line.speed) {
        return Err(StatusCode::NOT_FOUND);
    }
    place(&shared, &headers, "broadband", format!("{} {}", line.speed, line.visit), &line.msisdn).await
}

async fn move_line(State(shared): State<Shared>, headers: HeaderMap, Json(line): Json<Line>) -> Answer {
    place(&shared, &headers, "move", line.visit, &line.msisdn).await
}

/// Places an order and opens a case for it.
async fn place(shared: &Shared, headers: &HeaderMap, kind: &str, what: String, number: &str) -> Answer {
    let key = key(headers);
    let placed = shared.books(|books| books.open_case(key, kind, what, number)).await;
    Ok(Json(json!({"order_id": placed.id, "ticket_id": placed.id})))
}

async fn broadband(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    shared.books(|_| ()).await;
    let until = if customer.msisdn.ends_with('3') { Value::Null } else { json!("2027-03-15") };
    Ok(Json(json!({"until": until, "fee": 360})))
}

async fn cell(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    shared.books(|_| ()).await;
    // A number that ends in 99 lives beside a mast that is being mended.
    let outage = if customer.msisdn.ends_with("99") { json!({"eta": "今天下午六点"}) } else { Value::Null };
    Ok(Json(json!({"outage": outage})))
}

#[derive(Deserialize)]
struct Trouble {
    msisdn: String,
    kind: String,
    place: String,
}

async fn report(State(shared): State<Shared>, headers: HeaderMap, Json(trouble): Json<Trouble>) -> Answer {
    place(&shared, &headers, "report", format!("{} {}", trouble.kind, trouble.place), &trouble.msisdn).await
}

async fn refresh(State(shared): State<Shared>, Json(customer): Json<Customer>) -> Answer {
    shared.books(|_| ()).await;
    Ok(Json(json!({"done": !customer.msisdn.is_empty()})))
}

#[derive(Deserialize)]
struct Caller {
    msisdn: String,
    number: String,
}

async fn report_number(State(shared): State<Shared>, headers: HeaderMap, Json(caller): Json<Caller>) -> Answer {
    place(&shared, &headers, "report", caller.number, &caller.msisdn).await
}

async fn ticket(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    let case = shared.books(|books| books.newest_case(&customer.msisdn)).await;
    let case = case.map_or(Value::Null, |id| json!({"id": id, "state": "正在处理"}));
    Ok(Json(json!({"ticket": case})))
}

#[derive(Deserialize)]
struct Urged {
    msisdn: String,
    id: String,
}

async fn urge(State(shared): State<Shared>, headers: HeaderMap, Json(urged): Json<Urged>) -> Answer {
    let key = key(&headers);
    shared
        .books(|books| match books.newest_case(&urged.msisdn) {
            Some(id) if id == urged.id => Ok(Json(json!({"order_id": books.place(key, "urge", id).0.id}))),
            _ => Err(StatusCode::NOT_FOUND),
        })
        .await
}

#[derive(Deserialize)]
struct Near {
    district: String,
}

async fn store(State(shared): State<Shared>, Query(near): Query<Near>) -> Answer {
    shared.books(|_| ()).await;
    let shop = SHOPS.iter().find(|(district, ..)| *district == near.district);
    let (_, name, address) = shop.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({"name": name, "address": address, "open": "九点", "close": "十八点"})))
}
