//! The outbound renewal and the fault desk with the mock back ends over real HTTP: what a call changes can be looked up.

use chrono::{TimeZone, Utc};
use hualu_core::Pii;
use hualu_nlu::Assistant;
use hualu_nlu::action::ActionRunner;
use hualu_nlu::backend_mock::{self, Order};
use hualu_nlu::bot::Bot;
use hualu_nlu::script::TextChat;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

struct Desk {
    runtime: Arc<Runtime>,
    address: SocketAddr,
    assistant: Arc<Assistant>,
    runner: Arc<ActionRunner>,
}

impl Desk {
    fn new(bot: &str) -> Self {
        let runtime = Arc::new(Runtime::new().expect("a runtime"));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = runtime.block_on(backend_mock::start(any)).expect("a free port");
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots").join(bot);
        let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
        let backends = backend_mock::addresses(address);
        let runner = Arc::new(ActionRunner::new(&backends, &[], 8).expect("addresses of the mock"));
        let assistant = Assistant::new(bot, Pronouncer::default(), None, &backends).expect("every back end is there");
        Self { runtime, address, assistant: Arc::new(assistant), runner }
    }

    fn call(&self, caller: &str) -> TextChat {
        let (runtime, runner) = (Arc::clone(&self.runtime), Arc::clone(&self.runner));
        let now = Utc.with_ymd_and_hms(2026, 11, 22, 2, 0, 0).single().expect("a real time");
        let mut chat = TextChat::new(Arc::clone(&self.assistant), now, &BTreeMap::new())
            .called_from(caller, BTreeMap::new())
            .with_back_end(Box::new(move |request| runtime.block_on(runner.run(request))));
        assert!(chat.start().is_closed);
        chat
    }

    fn orders(&self) -> Vec<(String, String)> {
        let answer = async { reqwest::get(format!("http://{}/orders", self.address)).await?.bytes().await };
        let body = self.runtime.block_on(answer).expect("answers");
        let orders: Vec<Order> = serde_json::from_slice(&body).expect("a list of orders");
        orders.into_iter().map(|order| (order.kind, order.what)).collect()
    }
}

fn say_all(chat: &mut TextChat, texts: &[&str]) -> String {
    texts.iter().map(|text| chat.say(text).text).last().unwrap_or_default()
}

#[test]
fn a_visit_is_booked_moved_and_asked_about() {
    let desk = Desk::new("broadband_fault");
    let mut chat = desk.call("13800138001");
    let done = say_all(&mut chat, &["我家光猫亮红灯没网", "对", "可以", "明天上午九点", "对"]);
    let ticket = chat.conversation().value("ticket_id").map(Pii::into_revealed).expect("a ticket");
    assert!(done.contains(&ticket), "{done}");
    assert_eq!(desk.orders(), [("ticket".to_owned(), "los_red 2026-11-23T09:00".to_owned())]);
    // Another call from the same number needs no ticket number.
    let mut chat = desk.call("13800138001");
    assert!(say_all(&mut chat, &["改一下上门时间", "后天下午三点", "对"]).contains("已经改好"));
    assert!(chat.say("师傅几点来").text.contains("2026-11-24T15:00"));
    assert!(say_all(&mut chat, &["取消上门", "确认"]).contains("已经取消"));
    let kinds: Vec<String> = desk.orders().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["ticket", "visit_moved", "visit_cancelled"]);
}

#[test]
fn a_line_without_light_and_a_cut_cable_are_seen() {
    let desk = Desk::new("broadband_fault");
    // The mock's numbers that end in 8 have lost their light, those that end in 99 their cable, in 7 their speed.
    let seen = say_all(&mut desk.call("13800138008"), &["家里上不了网", "是的", "灯都正常"]);
    assert!(seen.contains("光信号中断"), "{seen}");
    assert!(desk.call("13800138099").say("没网了").text.contains("正在抢修"));
    assert!(say_all(&mut desk.call("13800138007"), &["网速太慢了", "对", "插网线的"]).contains("只有每秒96兆"));
}

#[test]
fn an_offer_is_ordered_once_and_only_by_its_owner() {
    let desk = Desk::new("outbound_renewal");
    let mut chat = desk.call("13800138000");
    let asked = say_all(&mut chat, &["是我", "好的给我办吧"]);
    assert!(asked.contains("对吗") && desk.orders().is_empty(), "{asked}");
    assert!(chat.say("对").act == "hang_up sold");
    assert_eq!(desk.orders(), [("renewal".to_owned(), "59 x 12".to_owned())]);
    let mut chat = desk.call("13800138000");
    assert_eq!(chat.say("给我续上").calls, Vec::<String>::new());
    assert_eq!(chat.say("不要再给我打电话了").act, "hang_up dnc");
    assert_eq!(desk.orders().last().map(|(kind, _)| kind.as_str()), Some("do_not_call"));
}
