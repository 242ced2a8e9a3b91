use super::*;

fn train(marked: &[&str]) -> Perceptron {
    let classes = BTreeMap::from([("name".to_owned(), 0), ("shop".to_owned(), 1)]);
    let read = |text: &&str| Sample::read(text, &classes, &Pronouncer::default());
    Perceptron::train(&marked.iter().flat_map(read).collect::<Vec<_>>(), 2)
}

fn spans(model: &Perceptron, text: &str) -> Vec<(String, usize)> {
    let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
    let value = |(span, class): (Range<usize>, usize)| (utterance.chars[span].iter().collect(), class);
    model.spans(&utterance).into_iter().map(value).collect()
}

const MARKED: [&str; 8] = [
    "我叫[王小明](name)",
    "我的名字叫[李芳](name)",
    "机主叫[张大伟](name)",
    "我是[赵敏](name)，在[中关村](shop)营业厅",
    "去[望京](shop)营业厅",
    "我在[国贸](shop)营业厅办的",
    "我想查话费",
    "我要办业务",
];

#[test]
fn values_that_training_never_saw_are_found_by_what_stands_around_them() {
    let model = train(&MARKED);
    assert_eq!(spans(&model, "机主叫陈建国"), [("陈建国".to_owned(), 0)]);
    assert_eq!(spans(&model, "我在五道口营业厅办的"), [("五道口".to_owned(), 1)]);
    assert_eq!(spans(&model, "我想查话费"), []);
    assert_eq!(spans(&model, ""), []);
}

#[test]
fn values_of_two_and_three_characters_are_found_whole_in_other_sentences() {
    let model = train(&[
        "我要反映[中关村](shop)营业厅的问题",
        "反映一下[望京](shop)营业厅态度不好",
        "我在[国贸](shop)营业厅办业务没人理",
        "[西单](shop)营业厅排队太久了",
        "我想反映营业厅的问题",
        "营业厅的人态度不好",
        "查一下话费",
        "我的话费余额",
    ]);
    for shop in ["五道口", "六里桥", "双井", "大望路", "亚运村", "潘家园", "朝阳", "西直门", "公主坟"]
    {
        for (before, after) in [("我要反映", "的问题"), ("反映一下", "排队太久"), ("我在", "办业务"), ("", "态度不好")]
        {
            let text = format!("{before}{shop}营业厅{after}");
            assert_eq!(spans(&model, &text), [(shop.to_owned(), 1)], "{text}");
        }
    }
    for text in ["我想反映一下营业厅的问题", "营业厅排队太久了", "查一下我的话费"] {
        assert_eq!(spans(&model, text), [], "{text}");
    }
}

#[test]
fn training_examples_are_learnt_by_heart_and_in_the_same_way_twice() {
    let (model, again) = (train(&MARKED), train(&MARKED));
    assert_eq!(spans(&model, "我是赵敏，在中关村营业厅"), [("赵敏".to_owned(), 0), ("中关村".to_owned(), 1)]);
    assert_eq!(model.emissions, again.emissions);
}

#[test]
fn without_examples_nothing_is_found() {
    assert_eq!(spans(&train(&[]), "我叫王小明"), []);
}
