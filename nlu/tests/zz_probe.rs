use hualu_models::lexicon::Lexicon;
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::script::TextChat;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
#[test]
#[expect(clippy::disallowed_methods, reason = "measures")]
fn probe() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let t = std::time::Instant::now();
    let bot = Bot::load(&dir).unwrap_or_else(|f| panic!("{f}"));
    println!("load {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let hints = bot.speech_hints();
    println!("hints {} {:?} standing {}", hints.len(), t.elapsed(), bot.standing_prompts().len());
    for s in bot.standing_prompts() {
        println!("  · {}", s.text());
    }
    let backends: BTreeMap<_, _> = bot.backends().iter().map(|n| (n.clone(), format!("http://{n}"))).collect();
    let t = std::time::Instant::now();
    let lex = Arc::new(Lexicon::load(&dir.join("../../models/lexicon_zh/lexicon.tsv")).expect("lexicon"));
    println!("lexicon {:?}", t.elapsed());
    let p = Pronouncer::new(Some(lex));
    let tmp = tempfile::tempdir().expect("dir");
    let t = std::time::Instant::now();
    Assistant::new(bot.clone(), p.clone(), Some(tmp.path()), &backends).expect("ok");
    println!("train {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let a = Arc::new(Assistant::new(bot, p, Some(tmp.path()), &backends).expect("ok"));
    println!("cached {:?}", t.elapsed());
    let mock: BTreeMap<String, Vec<serde_json::Value>> = serde_json::from_str(r#"{"get_balance":[{"balance":58.3,"arrears":false}],"get_usage":[{"data_left":"5.2GB","minutes_left":120}],"get_plan":[{"fee":39,"data":"10GB","minutes":150}],"get_bill":[{"month":10,"total":48.5,"plan_fee":39,"extra":9.5,"extra_name":"流量加油包"}],"check_plan":[{"current":39,"effective":"下月一号","penalty":0}],"change_plan":[{"order_id":"260317"}],"lookup_line":[{"account":"kd1","outage":null}],"line_test":[{"optical":"ok"}],"remote_reset":[{}],"open_ticket":[{"ticket_id":"880213"}],"send_topup_link":[{"accepted":true}],"file_complaint":[{"ticket_id":"1"}]}"#).expect("json");
    let mut times = Vec::new();
    for line in [
        "那个我想问一下我这个月的话费怎么扣得这么快啊|嗯|没有",
        "换套餐|我想要便宜一点的|有哪些套餐|就第二个吧|二十九|嗯嗯好|没了",
        "我要办一百二十九的套餐|等一下我先问一下我流量还剩多少|好的|没有了",
        "换五十九的|等一下|多少钱来着|再说一遍|不办了|不用",
        "我家宽带坏了|红的|明天|明天下午|好|谢谢",
        "我家宽带坏了|绿灯是亮的|可以|再见",
        "宽带|有|报修|不亮|后天上午|换成明天下午|对|没有了",
        "你好|查|流量|套餐|人工",
        "投诉|行|不用了谢谢",
        "充值|不用|我要换三十九块钱的套餐|没有了谢谢",
        "换套餐|三十九块钱|查话费余额|我要五十九的那个套餐|是五十九吗|是的",
        "今天天气怎么样|帮我订火车票|查话费",
        "喂|喂喂|你说话呀|我想查下话费还有换个套餐",
        "换一百二十九的套餐|不对是五十九的|对|好的再见",
        "花费|刘量|桃餐|五十就|去认",
        "我想把套餐换成一百二|一百二十九|可以办|挂了",
    ] {
        let mut chat =
            TextChat::new(Arc::clone(&a), chrono::DateTime::from_timestamp(1_795_000_000, 0).expect("t"), &mock);
        chat.start();
        println!("---");
        for say in line.split('|') {
            let t = std::time::Instant::now();
            let r = chat.say(say);
            times.push(t.elapsed());
            println!("{say} -> [{}] {} ({}) {:?}", r.intent, r.text, r.act, r.calls);
        }
    }
    times.sort();
    println!(
        "per final: p50 {:?} p99 {:?} max {:?} n {}",
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1],
        times.len()
    );
}
